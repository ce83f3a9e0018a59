import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { takeFromUrl } from "./landing";
import "./style.css";

const start = takeFromUrl();

createRoot(document.getElementById("app") as HTMLElement).render(
  <StrictMode>
    <App start={start} />
  </StrictMode>,
);

// A page of one column: before the dashboard itself.
import { type ReactNode, useEffect, useRef } from "react";
import { focusOn, isFocusLost } from "./focus";

export function Gate({ title, children }: { title: string; children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (isFocusLost()) focusOn(heading.current);
  }, [title]);
  return (
    <main className="gate">
      <p className="brand">Postern</p>
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </main>
  );
}

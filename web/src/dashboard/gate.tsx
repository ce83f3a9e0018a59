// A page of one column: before the dashboard itself.
import type { ReactNode } from "react";

export function Gate({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main className="gate">
      <p className="brand">Postern</p>
      <h1>{title}</h1>
      {children}
    </main>
  );
}

// Messages at the corner of the screen that tell how something has ended.
import { useCallback, useState } from "react";

const SHOWN_FOR = 8000; // milliseconds

export interface Toast {
  id: number;
  message: string;
}

let last = 0;

/** Return the messages to show, and the function that adds one. */
export function useToasts(): [Toast[], (message: string) => void] {
  const [toasts, setToasts] = useState<Toast[]>([]);
  const tell = useCallback((message: string) => {
    const id = ++last;
    setToasts((others) => [...others.slice(-1), { id, message }]);
    window.setTimeout(
      () => setToasts((others) => others.filter((toast) => toast.id !== id)),
      SHOWN_FOR,
    );
  }, []);
  return [toasts, tell];
}

export function Toasts({ toasts }: { toasts: Toast[] }) {
  return (
    <div className="toasts" role="status" aria-live="polite">
      {toasts.map((toast) => (
        <p key={toast.id}>{toast.message}</p>
      ))}
    </div>
  );
}

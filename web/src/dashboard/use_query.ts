// Loads what a page shows.
import { useCallback, useEffect, useRef, useState } from "react";
import { type ApiError, type Document, refusal } from "./api";
import { useFreshness, useSession } from "./context";

export interface Loaded<Result> {
  data: Result | undefined;
  error: ApiError | undefined;
  loading: boolean;
  reload: () => Promise<void>;
}

/**
 * Load an operation's data, and again when its variables change or the reader wants it fresh. Old
 * data stays meanwhile.
 */
export function useQuery<Result, Variables>(
  document: Document<Result, Variables>,
  variables: Variables,
): Loaded<Result> {
  const session = useSession();
  const { round } = useFreshness();
  const [data, setData] = useState<Result>();
  const [error, setError] = useState<ApiError>();
  const [loading, setLoading] = useState(true);
  const latest = useRef(0);
  const key = JSON.stringify(variables);
  const reload = useCallback(async () => {
    // Of two answers, only that of the later question counts.
    const mine = ++latest.current;
    setLoading(true);
    try {
      const found = await session.call(document, JSON.parse(key) as Variables);
      if (mine !== latest.current) return;
      setData(found);
      setError(undefined);
    } catch (thrown) {
      if (mine === latest.current) setError(refusal(thrown));
    } finally {
      if (mine === latest.current) setLoading(false);
    }
  }, [session, document, key]);
  useEffect(() => {
    void reload();
    return () => void latest.current++;
  }, [reload, round]);
  return { data, error, loading, reload };
}

import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect } from "react";
import { Navigate, useLocation } from "react-router";
import { sessionQuery } from "@/api/accounts";
import { ApiError } from "@/api/error";
import type { Session } from "@/api/generated";
import { rememberProject } from "@/lib/project";
import { Loaded } from "@/ui/loaded";

const SessionContext = createContext<Session | null>(null);

export function useSessionQuery(): UseQueryResult<Session> {
  return useQuery(sessionQuery());
}

/** Shows its children to who is signed in; others are led to the sign-in page and come back after it. */
export function SignedIn(props: { children: ReactNode }) {
  const query = useSessionQuery();
  const { pathname, search } = useLocation();
  const code = query.error instanceof ApiError ? query.error.code : null;
  const { refetch } = query;
  useEffect(() => {
    // The project that was chosen last is gone, or no longer shared with this person.
    if (code !== "project_not_found") return;
    rememberProject(null);
    void refetch();
  }, [code, refetch]);
  if (query.error instanceof ApiError && query.error.status === 401) {
    return <Navigate to={`/sign-in?next=${encodeURIComponent(pathname + search)}`} replace />;
  }
  return (
    <Loaded query={query} what="Your account">
      {(session) => <SessionContext value={session}>{props.children}</SessionContext>}
    </Loaded>
  );
}

/** Who is signed in. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("useSession is for pages inside SignedIn");
  return session;
}

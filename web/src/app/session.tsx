import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext } from "react";
import { Navigate, useLocation } from "react-router";
import { api, body } from "@/api/client";
import { ApiError } from "@/api/error";
import type { Session } from "@/api/generated";
import { Loaded } from "@/ui/loaded";

const SessionContext = createContext<Session | null>(null);

export function useSessionQuery(): UseQueryResult<Session> {
  return useQuery({ queryKey: ["session"], queryFn: () => body(api.GET("/v1/session")), staleTime: 60_000 });
}

/** Shows its children to who is signed in; others are led to the sign-in page and come back after it. */
export function SignedIn(props: { children: ReactNode }) {
  const query = useSessionQuery();
  const { pathname, search } = useLocation();
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

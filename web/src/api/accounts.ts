import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import type { KeyCreate, Session, SessionCreate, SignInLinkCreate } from "@/api/generated";
import { rememberProject } from "@/lib/project";

export function sessionQuery() {
  return queryOptions({
    queryKey: ["session"],
    queryFn: () => body(api.GET("/v1/session")),
    staleTime: 60_000,
  });
}

/** Signs this browser in; what an earlier person saw here is forgotten first. */
export function signIn(client: QueryClient) {
  return {
    mutationFn: (proof: SessionCreate) => body(api.POST("/v1/session", { body: proof })),
    onSuccess: (session: Session) => {
      rememberProject(null);
      client.removeQueries();
      client.setQueryData(sessionQuery().queryKey, session);
    },
  };
}

/** Ends this browser's session, and forgets what was seen in it. */
export function signOut(client: QueryClient) {
  return {
    mutationFn: () => api.DELETE("/v1/session"),
    onSuccess: () => {
      rememberProject(null);
      client.removeQueries();
    },
  };
}

/** From now on requests are about that project; null: the person's own, of an admin all of them. */
export function chooseProject(client: QueryClient, slug: string | null): Promise<void> {
  rememberProject(slug);
  return client.resetQueries();
}

export const makeSignInLink = {
  mutationFn: (wanted: SignInLinkCreate) => body(api.POST("/v1/sign_in_links", { body: wanted })),
};

export function keyList() {
  return queryOptions({ queryKey: ["keys"], queryFn: () => body(api.GET("/v1/keys")) });
}

export function createKey(client: QueryClient) {
  return {
    mutationFn: (wanted: KeyCreate) => body(api.POST("/v1/keys", { body: wanted })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["keys"] }),
  };
}

export function revokeKey(client: QueryClient) {
  return {
    mutationFn: (id: string) => body(api.DELETE("/v1/keys/{key_id}", { params: { path: { key_id: id } } })),
    onSettled: () => client.invalidateQueries({ queryKey: ["keys"] }),
  };
}

export function createProject(client: QueryClient) {
  return {
    mutationFn: (name: string) => body(api.POST("/v1/projects", { body: { name } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["session"] }),
  };
}

export function memberList(project: string) {
  return queryOptions({
    queryKey: ["projects", project, "members"],
    queryFn: () => body(api.GET("/v1/projects/{project}/members", { params: { path: { project } } })),
  });
}

export function addMember(client: QueryClient, project: string) {
  return {
    mutationFn: (user: string) =>
      body(api.POST("/v1/projects/{project}/members", { params: { path: { project } }, body: { user } })),
    onSettled: () => client.invalidateQueries({ queryKey: ["projects", project] }),
  };
}

export function removeMember(client: QueryClient, project: string) {
  return {
    mutationFn: (user: string) =>
      api.DELETE("/v1/projects/{project}/members/{user}", { params: { path: { project, user } } }),
    onSettled: () => client.invalidateQueries({ queryKey: ["projects", project] }),
  };
}

import createClient, { type Middleware } from "openapi-fetch";
import { ApiError, errorOf } from "@/api/error";
import type { paths } from "@/api/generated";
import { currentProject } from "@/lib/project";

const middleware: Middleware = {
  onRequest({ request }) {
    const project = currentProject();
    if (project) request.headers.set("OpenAI-Project", project);
    return request;
  },
  async onResponse({ response }) {
    if (!response.ok) throw await errorOf(response);
    return response;
  },
  onError() {
    return new ApiError({
      status: 0,
      code: "server_away",
      message: "The server does not answer. It is asked again by itself.",
    });
  },
};

/** Every call of the server, typed by its own description; throws ApiError. */
export const api = createClient<paths>({ baseUrl: window.location.origin, credentials: "same-origin" });
api.use(middleware);

/** The body of an answer that came; openapi-fetch leaves it optional, and what is not ok was thrown. */
export async function body<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}

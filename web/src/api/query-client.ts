import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "@/api/error";

const TRIES = 3;

/** Asks again when the server was away, not when it refused. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      retry: (n, error) => error instanceof ApiError && error.away && n < TRIES,
      refetchOnWindowFocus: true,
    },
    mutations: { retry: false },
  },
});

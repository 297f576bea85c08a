/** An error as the server words it: what happened, to what, and the next step. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string | null;
  readonly param: string | null;

  constructor(told: { status: number; message: string; code?: string | null; param?: string | null }) {
    super(told.message);
    this.name = "ApiError";
    this.status = told.status;
    this.code = told.code ?? null;
    this.param = told.param ?? null;
  }

  /** The server could not be reached, or is not ready: the same call may work later. */
  get away(): boolean {
    return this.status === 0 || this.status >= 502;
  }
}

/** Reads OpenAI's error body; says so plainly where something between answered instead of the server. */
export async function errorOf(response: Response): Promise<ApiError> {
  const told: unknown = await response.json().catch(() => null);
  const error = (told as { error?: { message?: string; code?: string | null; param?: string | null } } | null)?.error;
  if (error?.message)
    return new ApiError({ status: response.status, message: error.message, code: error.code, param: error.param });
  return new ApiError({
    status: response.status,
    message: `The answer was ${response.status} ${response.statusText} without a reason.`,
  });
}

/** What to show of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

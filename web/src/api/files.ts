import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { ApiError } from "@/api/error";
import type { ColumnRole, FileObject, FileReport, Finding } from "@/api/generated";
import { currentProject } from "@/lib/project";

export function fileQuery(fileId: string) {
  return queryOptions({
    queryKey: ["files", fileId],
    queryFn: () => body(api.GET("/v1/files/{file_id}", { params: { path: { file_id: fileId } } })),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** A report as it comes: every key is there, also those that the description leaves optional for their defaults. */
export type Report = Required<Omit<FileReport, "roles" | "findings">> & {
  roles: Required<ColumnRole>[];
  findings: Required<Finding>[];
};

/** What was found in the file; a file never changes, so neither does this. */
export function fileReportQuery(fileId: string) {
  return queryOptions({
    queryKey: ["files", fileId, "report"],
    queryFn: async () =>
      (await body(api.GET("/v1/files/{file_id}/report", { params: { path: { file_id: fileId } } }))) as Report,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** A page of the file's records behind the one with the cursor `after`. */
export function fileRecordsQuery(fileId: string, after: string | null, limit: number) {
  return queryOptions({
    queryKey: ["files", fileId, "records", after, limit],
    queryFn: () =>
      body(
        api.GET("/v1/files/{file_id}/records", {
          params: { path: { file_id: fileId }, query: { limit, ...(after ? { after } : {}) } },
        }),
      ),
    staleTime: Number.POSITIVE_INFINITY,
    placeholderData: keepPreviousData,
  });
}

export interface Sent {
  bytes: number;
  of: number;
}

/** Uploads a training file and tells how far it is. XMLHttpRequest, since fetch cannot tell that of what it sends.
 *  Rejects with ApiError: the server's own words where it answered, `upload_cancelled` where `signal` was aborted. */
export function uploadFile(file: File, told: (sent: Sent) => void, signal: AbortSignal): Promise<FileObject> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    // The purpose goes first: the server reads the form as it arrives.
    form.append("purpose", "fine-tune");
    form.append("file", file, file.name);
    request.open("POST", "/v1/files");
    const project = currentProject();
    if (project) request.setRequestHeader("OpenAI-Project", project);
    request.upload.onprogress = (event) => told({ bytes: Math.min(event.loaded, file.size), of: file.size });
    request.onload = () =>
      request.status === 200 ? resolve(JSON.parse(request.responseText)) : reject(refusal(request));
    request.onerror = () => reject(new ApiError({ status: 0, code: "server_away", message: AWAY }));
    request.onabort = () =>
      reject(new ApiError({ status: 0, code: "upload_cancelled", message: "The upload was cancelled." }));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    if (signal.aborted) request.abort();
    else request.send(form);
  });
}

const AWAY = "The connection broke while the file was sent. Look whether the server runs, then send it again.";

function refusal(request: XMLHttpRequest): ApiError {
  const told = parsed(request.responseText)?.error;
  return new ApiError({
    status: request.status,
    message: told?.message ?? `The answer was ${request.status} ${request.statusText} without a reason.`,
    code: told?.code,
    param: told?.param,
  });
}

/** A proxy between may answer with a page of its own. */
function parsed(text: string): { error?: { message?: string; code?: string | null; param?: string | null } } | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const KEY = "tunesmith-attempt";

/** The key that names this attempt to do what `body` asks: the same one until it succeeded, also after a reload. */
export function keyOfAttempt(body: unknown): string {
  const asked = JSON.stringify(body);
  const known = read();
  if (known?.asked === asked) return known.key;
  const key = newKey();
  sessionStorage.setItem(KEY, JSON.stringify({ asked, key }));
  return key;
}

/** It was answered: the same body is a new wish from now on. */
export function forgetAttempt(): void {
  sessionStorage.removeItem(KEY);
}

function read(): { asked: string; key: string } | null {
  const text = sessionStorage.getItem(KEY);
  return text === null ? null : (JSON.parse(text) as { asked: string; key: string });
}

/** Not crypto.randomUUID, which browsers keep from pages without https. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

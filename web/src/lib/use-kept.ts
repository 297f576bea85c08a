import { useLocalStorage } from "@mantine/hooks";

/**
 * What this browser keeps under `key`, as `read` understands it, and a function that keeps another.
 * `read` is given what was parsed, or null where there is nothing that can be read; `write` makes JSON of it.
 */
export function useKept<T>(
  key: string,
  read: (kept: unknown) => T,
  write: (value: T) => unknown = (value) => value,
): [T, (value: T) => void] {
  const [value, set] = useLocalStorage<T>({
    key,
    defaultValue: read(null),
    getInitialValueInEffect: false,
    serialize: (wanted) => JSON.stringify(write(wanted)),
    deserialize: (text) => read(parsed(text)),
  });
  return [value, set];
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null; // Written by another version of the page, or by hand: as if nothing were kept.
  }
}

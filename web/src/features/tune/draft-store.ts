export interface Kept<T> {
  draft: T;
  /** What `replace` or `reset` put away last. */
  before: T | null;
  /** The browser has written it down. */
  kept: boolean;
}

export interface DraftStore<T> {
  read: () => Kept<T>;
  subscribe: (listener: () => void) => () => void;
  set: (change: Partial<T>) => void;
  replace: (draft: T) => void;
  reset: () => void;
  restore: () => void;
}

/** A draft under a key of the browser's storage. Give `key` a new version when an old draft would be read wrongly. */
export function draftStore<T extends object>(key: string, empty: T, storage: Storage = localStorage): DraftStore<T> {
  let state = readKept(storage, key, empty);
  const listeners = new Set<() => void>();

  function show(next: Kept<T>): void {
    state = next;
    for (const listener of listeners) listener();
  }

  /** Builds on what lies there now, so that two tabs do not undo each other's changes. */
  function change(make: (now: Kept<T>) => Pick<Kept<T>, "draft" | "before">): void {
    const { draft, before } = make(state.kept ? readKept(storage, key, empty) : state);
    show({ draft, before, kept: written(storage, key, { draft, before }) });
  }

  function follow(event: StorageEvent): void {
    if (event.key === key || event.key === null) show(readKept(storage, key, empty));
  }

  const putAway = (now: Kept<T>) => (same(now.draft, empty) ? now.before : now.draft);
  return {
    read: () => state,
    subscribe(listener) {
      if (listeners.size === 0) window.addEventListener("storage", follow);
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) window.removeEventListener("storage", follow);
      };
    },
    set: (changed) => change((now) => ({ draft: { ...now.draft, ...changed }, before: now.before })),
    replace: (draft) => change((now) => ({ draft, before: putAway(now) })),
    reset: () => change((now) => ({ draft: empty, before: putAway(now) })),
    restore: () => change((now) => (now.before ? { draft: now.before, before: null } : now)),
  };
}

function readKept<T extends object>(storage: Storage, key: string, empty: T): Kept<T> {
  const stored = parsed(storage.getItem(key));
  return { draft: shaped(stored?.draft, empty) ?? empty, before: shaped(stored?.before, empty), kept: true };
}

/** What is no JSON object was not written by us: the draft begins anew. */
function parsed(text: string | null): { draft?: unknown; before?: unknown } | null {
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

/** The keys that `empty` has, each from what was stored where it has one. */
function shaped<T extends object>(stored: unknown, empty: T): T | null {
  if (typeof stored !== "object" || stored === null) return null;
  const known = Object.entries(stored).filter(([name]) => name in empty);
  return { ...empty, ...Object.fromEntries(known) };
}

/** False when the browser refuses: storage is full or switched off. */
function written(storage: Storage, key: string, value: object): boolean {
  try {
    storage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

function same(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

const KEY = "tunesmith-project";

/** Slug of the project that calls are about; null: the person's own. */
export function currentProject(): string | null {
  return localStorage.getItem(KEY);
}

export function rememberProject(slug: string | null): void {
  if (slug === null) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, slug);
}

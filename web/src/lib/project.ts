const KEY = "tunesmith-project";

/** Slug of the project that calls are about; null: the person's own, of an admin all of them. */
export function currentProject(): string | null {
  return localStorage.getItem(KEY);
}

/** Also told by a cookie, for links that the browser follows by itself, such as downloads. */
export function rememberProject(slug: string | null): void {
  if (slug === null) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, slug);
  const name = location.port ? `tunesmith_project_${location.port}` : "tunesmith_project";
  const life_s = slug === null ? 0 : 365 * 24 * 3600;
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not there outside https
  document.cookie = `${name}=${slug ?? ""}; Path=/; SameSite=Strict; Max-Age=${life_s}`;
}

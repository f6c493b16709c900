/** What is shown, as the address says after its #. */
export type Route =
  | { readonly view: "create" }
  | { readonly view: "new" }
  | { readonly view: "nobody" }
  | { readonly view: "identities" }
  | { readonly view: "history" }
  | { readonly view: "models" }
  /** `again`: the generation that this one repeats. */
  | { readonly view: "generation"; readonly id: string; readonly again?: string }
  | { readonly view: "image"; readonly id: string; readonly seed: number }
  | { readonly view: "missing" };

const plain = ["create", "new", "nobody", "identities", "history", "models"] as const;

export function routeOf(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?");
  const [first = "", id, seed] = path.split("/");
  if (first === "") return { view: "create" };
  const view = plain.find((name) => name === first);
  if (view && id === undefined) return { view };
  if (first === "generations" && id) {
    if (seed !== undefined) return /^\d+$/.test(seed) ? { view: "image", id, seed: Number(seed) } : { view: "missing" };
    const again = new URLSearchParams(query).get("again");
    return { view: "generation", id, ...(again !== null && { again }) };
  }
  return { view: "missing" };
}

export function hrefOf(route: Route): string {
  switch (route.view) {
    case "create":
      return "#/";
    case "generation":
      return `#/generations/${route.id}${route.again === undefined ? "" : `?again=${route.again}`}`;
    case "image":
      return `#/generations/${route.id}/${route.seed}`;
    default:
      return `#/${route.view}`;
  }
}

export function go(route: Route): void {
  location.hash = hrefOf(route);
}

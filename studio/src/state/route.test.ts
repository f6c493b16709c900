import { expect, it } from "vitest";
import { hrefOf, type Route, routeOf } from "./route.js";

it.each<Route>([
  { view: "create" },
  { view: "identities" },
  { view: "generation", id: "abc" },
  { view: "generation", id: "abc", again: "def" },
  { view: "image", id: "abc", seed: 0 },
])("goes to an address and back: %o", (route) => {
  expect(routeOf(hrefOf(route))).toEqual(route);
});

it("knows its first page by any name", () => {
  for (const hash of ["", "#", "#/"]) expect(routeOf(hash)).toEqual({ view: "create" });
});

it("says so where there is nothing", () => {
  for (const hash of ["#/elsewhere", "#/generations", "#/generations/abc/x", "#/history/1"])
    expect(routeOf(hash)).toEqual({ view: "missing" });
});

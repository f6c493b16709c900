import type { Generation, Identity } from "../../../src/server/api/types.js";

/** `1 image`, `4 images`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** A share of one, as whole percent. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Time of day today, else the date as well. */
export function formatTime(iso: string, now = new Date(), locale?: string): string {
  const time = new Date(iso);
  const clock = time.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
  return sameDay(time, now)
    ? clock
    : `${time.toLocaleDateString(locale, { day: "numeric", month: "short" })}, ${clock}`;
}

/** `Today`, `Yesterday`, or the date. */
export function formatDay(iso: string, now = new Date(), locale?: string): string {
  const time = new Date(iso);
  if (sameDay(time, now)) return "Today";
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  if (sameDay(time, yesterday)) return "Yesterday";
  return time.toLocaleDateString(locale, { weekday: "long", day: "numeric", month: "long" });
}

/** Whose images they are: `Ada`, or `Ada 60 % · Ben 40 %`. */
export function nameOfSubject(identity: Generation["request"]["identity"], nameOf: (id: string) => string): string {
  if (typeof identity === "string") return nameOf(identity);
  const { from, to, share } = identity;
  return `${nameOf(from)} ${percent(1 - share)} · ${nameOf(to)} ${percent(share)}`;
}

/** How they were made, on one line. */
export function describeSettings({ request }: Generation): string {
  const { steps, guidance, sampler, seed, model } = request;
  return `${model} · ${plural(steps, "step")} · guidance ${guidance} · ${sampler} · seed ${seed}`;
}

/** Where an identity comes from. */
export function describeOrigin({ kind, photoCount, outlierCount }: Identity): string {
  if (kind === "sample") return "Nobody has this face";
  if (kind === "embedding") return "From a face embedding";
  const leftOut = outlierCount > 0 ? `, ${outlierCount} left out as someone else` : "";
  return `From ${plural(photoCount, "photo")}${leftOut}`;
}

function sameDay(a: Date, b: Date): boolean {
  return a.toDateString() === b.toDateString();
}

import type { Page } from "playwright-core";

/**
 * Presses Tab until an element of that name has the focus.
 * @throws Error with the names on the way, if there is none within a hundred
 */
export async function focusByKeyboard(page: Page, name: string | RegExp): Promise<void> {
  const passed: string[] = [];
  for (let i = 0; i < 100; i++) {
    await page.keyboard.press("Tab");
    const focused = String(await page.evaluate(nameOfFocused));
    if (typeof name === "string" ? focused === name : name.test(focused)) return;
    passed.push(focused);
  }
  throw new Error(`the keyboard does not reach ${name}, only ${passed.join(" | ")}`);
}

/** The accessible name, as far as this page needs it. */
const nameOfFocused = `(() => {
  const element = document.activeElement;
  const label = element.labels?.[0]?.textContent;
  const picture = element.querySelector("img[alt]:not([alt=''])")?.alt;
  return (element.ariaLabel ?? label ?? picture ?? element.textContent).trim();
})()`;

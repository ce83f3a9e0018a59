// Where the focus goes when what had it is gone. Screen readers and keyboards start from there.

/** Give an element the focus, also if it takes none by itself, such as a heading. */
export function focusOn(element: HTMLElement | null | undefined): void {
  if (!element) return;
  if (element.tabIndex < 0) element.tabIndex = -1;
  element.focus();
}

/** Return whether nothing has the focus: it falls to the body when its element goes. */
export function isFocusLost(): boolean {
  return document.activeElement === null || document.activeElement === document.body;
}

/** Give the heading of a section, a dialog or the page the focus. */
export function focusOnHeading(within: Element | null | undefined): void {
  const heading = within?.isConnected ? within.querySelector<HTMLElement>("h1, h2, h3") : null;
  focusOn(heading ?? document.querySelector<HTMLElement>("h1"));
}

/** Give the page's heading the focus if what had it, such as "Try again", is gone after this. */
export function rescueFocus(): void {
  window.setTimeout(() => isFocusLost() && focusOnHeading(null));
}

/** Return what gives the focus back to where it is now, or to the heading of what that was in. */
export function wayBack(): () => void {
  const before = document.activeElement;
  const home = before?.closest("dialog, section");
  return () => {
    if (before instanceof HTMLElement && before !== document.body) before.focus();
    if (isFocusLost()) focusOnHeading(home);
  };
}

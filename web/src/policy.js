// The page's policy allows styles that have its nonce, but no `style` attributes. Monaco creates <style>
// elements, and writes its lines of text as HTML with positions in `style` attributes.
const { nonce } = document.querySelector("script[nonce]");
const create = document.createElement;
document.createElement = function (name, options) {
  const element = create.call(this, name, options);
  if (String(name).toLowerCase() === "style") element.nonce = nonce;
  return element;
};

// A script may set a style where HTML may not, so the attribute is saved, and then set by this script.
const TAG = /<[a-z][^>]*>/gi;
const aside = (html) =>
  String(html).replace(TAG, (tag) => tag.replace(/\sstyle\s*=/gi, " data-style="));

function place(root) {
  for (const element of root.querySelectorAll("[data-style]")) {
    element.style.cssText = element.dataset.style;
    element.removeAttribute("data-style");
  }
}

const { prototype } = Element;
const innerHTML = Object.getOwnPropertyDescriptor(prototype, "innerHTML");
Object.defineProperty(prototype, "innerHTML", {
  ...innerHTML,
  set(html) {
    innerHTML.set.call(this, aside(html));
    place(this);
  },
});
const insert = prototype.insertAdjacentHTML;
prototype.insertAdjacentHTML = function (where, html) {
  insert.call(this, where, aside(html));
  place(this.parentNode ?? this);
};

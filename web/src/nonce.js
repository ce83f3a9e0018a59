// Monaco makes <style> elements; the page's policy lets those through that carry its nonce.
const { nonce } = document.querySelector("script[nonce]");
const create = document.createElement;
document.createElement = function (name, options) {
  const element = create.call(this, name, options);
  if (String(name).toLowerCase() === "style") element.nonce = nonce;
  return element;
};

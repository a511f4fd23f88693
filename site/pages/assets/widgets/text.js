/* Text: numbers as they are read, equations by KaTeX, lines of Python with their colours. */
(function () {
  "use strict";
  const { make } = minidrop;

  /** A number with so many digits behind the point, without zeros at its end. */
  const number = (x, digits = 4) => String(Number(x.toFixed(digits)));

  /** A share as a percentage. */
  const percent = (x) => `${number(100 * x, 1)}\u00a0%`;

  /** TeX, typeset where KaTeX is on the page, otherwise as it is. */
  function typeset(element, tex) {
    if (element.dataset.tex === tex) return;
    element.dataset.tex = tex;
    if (window.katex) katex.render(tex, element, { displayMode: true, throwOnError: false });
    else element.textContent = tex;
  }

  const TOKENS = /(#.*)|("[^"\n]*")|\b(import|as|for|in|lambda|None|True|False)\b|\b(\d[\d.e-]*)/g;
  const CLASSES = ["c1", "s2", "k", "mi"];

  /** Lines of Python as spans in the classes of Pygments, which the theme has colours for. */
  function highlighted(code) {
    const found = document.createDocumentFragment();
    let end = 0;
    for (const match of code.matchAll(TOKENS)) {
      found.append(code.slice(end, match.index));
      const kind = CLASSES[match.slice(1).findIndex((group) => group !== undefined)];
      found.append(make("span", { class: kind }, match[0]));
      end = match.index + match[0].length;
    }
    found.append(code.slice(end));
    return found;
  }

  /** `text` to the clipboard; whether that was allowed. */
  async function copied(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return false;
    }
  }

  Object.assign(minidrop, { number, percent, typeset, highlighted, copied });
})();

// Typeset what arithmatex has marked: \( .. \) within a line, \[ .. \] on lines of its own.
document.addEventListener("DOMContentLoaded", () => {
  for (const element of document.querySelectorAll(".arithmatex")) {
    const text = element.textContent.trim();
    katex.render(text.slice(2, -2), element, {
      displayMode: text.startsWith("\\["),
      throwOnError: true,                          // a formula that fails is an error on the console
    });
  }
});

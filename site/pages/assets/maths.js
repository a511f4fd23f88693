// Typeset what arithmatex has marked: \( .. \) within a line, \[ .. \] on lines of its own.
document.addEventListener("DOMContentLoaded", () => {
  for (const element of document.querySelectorAll(".arithmatex")) {
    const text = element.textContent.trim().replace(/\\tag\{[^}]*\}/, (tag) => tag.replaceAll("_", "\\_"));
    katex.render(text.slice(2, -2), element, {
      displayMode: text.startsWith("\\["),
      throwOnError: true,                          // a formula that fails is an error on the console
    });
  }
});

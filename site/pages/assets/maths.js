// Typeset what arithmatex has marked: \( .. \) within a line, \[ .. \] on lines of its own.
document.addEventListener("DOMContentLoaded", () => {
  for (const element of document.querySelectorAll(".arithmatex")) {
    const text = element.textContent.trim()        // in a tag an underscore is a letter
      .replace(/\\tag\{[^}]*\}/, (tag) => tag.replace(/\\?_/g, "\\_"));
    try {
      katex.render(text.slice(2, -2), element, {displayMode: text.startsWith("\\[")});
      if (element.scrollWidth > element.clientWidth + 1) element.tabIndex = 0;    // arrow keys move it
    } catch (error) {
      console.error(`${text}: ${error.message}`);  // the others are typeset all the same
    }
  }
});

// Make each slide fit its page, once its formulas are typeset, then hand over to reveal.js.
const WIDTH = 960, HEIGHT = 700, LEAST = 0.4;

function shrink(element, tooLarge) {
  for (let size = 1; tooLarge() && size > LEAST; size -= 0.04) element.style.fontSize = `${size}em`;
}

function fit() {
  const slides = document.querySelector(".reveal .slides");
  slides.style.width = `${WIDTH}px`;
  for (const slide of slides.children) {
    slide.style.display = "block";                 // as it will be when it is shown
    for (const printed of slide.querySelectorAll("pre > code"))
      shrink(printed, () => printed.scrollWidth > printed.clientWidth);
    shrink(slide, () => slide.scrollHeight > HEIGHT - 40 || slide.scrollWidth > WIDTH);
    slide.style.display = "";
  }
  slides.style.width = "";
}

addEventListener("load", async () => {
  await Promise.all([...document.fonts].map((font) => font.load()));
  fit();
  Reveal.initialize({
    width: WIDTH, height: HEIGHT, margin: 0.05, hash: true, slideNumber: "c/t", transition: "none",
    pdfSeparateFragments: false, scrollActivationWidth: 600, scrollLayout: "compact",
  });
});

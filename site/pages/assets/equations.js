// An equation and the lines that compute it light up together: hover, focus, or tap to keep it so.
(() => {
  let kept = [];

  const light = (tags) => {
    for (const part of document.querySelectorAll("[data-eq]")) {
      part.classList.toggle("eq-lit", part.dataset.eq.split(" ").some((tag) => tags.includes(tag)));
    }
  };
  const part = (event) => event.target.closest("[data-eq]");
  const tagsOf = (element) => element ? element.dataset.eq.split(" ") : kept;

  const keep = (element) => {
    const tags = element.dataset.eq.split(" ");
    kept = kept.join() === tags.join() ? [] : tags;
    light(kept);
    const other = kept.length && [...document.querySelectorAll("[data-eq].eq-lit")].find((lit) =>
      lit.classList.contains("eq-box") !== element.classList.contains("eq-box"));
    if (other) other.scrollIntoView({ block: "nearest", inline: "nearest" });
  };

  document.addEventListener("mouseover", (event) => light(tagsOf(part(event))));
  document.addEventListener("focusin", (event) => light(tagsOf(part(event))));
  document.addEventListener("focusout", () => light(kept));
  document.addEventListener("click", (event) => {
    const element = part(event);
    if (element && !event.target.closest("a:not(.eq-chip), summary")) keep(element);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") light(kept = []);
    if (event.key === "Enter" && event.target.matches(".eq-box")) keep(event.target);
  });
})();

// A field above every long table: what does not hold the words that are typed is hidden.
// Without JavaScript the page simply shows everything.
document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll(".filtered")) {
    const items = [...box.querySelectorAll(".entry, tbody tr")].filter(
      (item) => !item.parentElement.closest(".entry"));
    const texts = items.map((item) => item.textContent.toLowerCase());
    const field = document.createElement("label");
    const input = document.createElement("input");
    const told = document.createElement("output");
    field.className = "filter";
    field.append(box.dataset.label + " ", input, " ", told);
    input.type = "search";
    input.setAttribute("autocomplete", "off");
    box.before(field);

    const show = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      items.forEach((item, i) => {
        item.hidden = !words.every((word) => texts[i].includes(word));
        shown += !item.hidden;
      });
      for (const group of box.querySelectorAll(".group")) {
        group.hidden = items.every((item) => item.hidden || !group.contains(item));
      }
      told.textContent = `${shown} of ${items.length}`;
    };
    const reveal = () => {                 // what a link points to is always seen
      const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (target && box.contains(target) && target.closest("[hidden]")) {
        input.value = "";
        show();
        target.scrollIntoView();
      }
    };
    input.addEventListener("input", show);
    window.addEventListener("hashchange", reveal);
    show();
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && box.contains(target)) {
      target.scrollIntoView();             // the field above has moved it
    }
  }
});

/* Controls: each is the browser's own input, so that keys, touch and screen readers know it.

   A control is {key, label, kind: "range" | "choice" | "check", value, ...}; a range has min, max
   and step, a choice has options {value: label}.  One that is `look` changes no draw. */
(function () {
  "use strict";
  let made = 0;

  /** An element: make("p", {class: "x"}, "text", child). */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") element.addEventListener(name, value);
      else if (value !== false && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  /** The allowed number next to what a box says; NaN where it says none. */
  function nearest({ step }, { value, min, max }) {
    const asked = value === "" ? NaN : Math.min(Math.max(Number(value), min), max);
    return step === 1 ? Math.round(asked) : asked;
  }

  /** A slider beside a box for the number: {element, set(value, limits)}.

      The slider and the arrows go by `step`; what is not an integer may be any number in the box. */
  function range(control, changed) {
    const id = `wd-${++made}`, shared = { min: control.min, max: control.max, step: control.step };
    let now = control.value;
    const slide = make("input", { ...shared, type: "range", id });
    const box = make("input", { ...shared, type: "number", "aria-label": control.label,
      "aria-invalid": "false", inputmode: "decimal" });
    slide.addEventListener("input", () => changed(control.key, Number(slide.value)));
    box.addEventListener("input", () => {
      const value = nearest(control, box);
      if (value === Number(box.value) && value !== now) changed(control.key, value);
    });
    box.addEventListener("change", () => {
      const value = nearest(control, box);
      if (!Number.isNaN(value) && value !== now) changed(control.key, value);
      else if (value !== Number(box.value) || box.value === "") box.value = now;
    });
    const element = make("div", { class: "wd-range" },
      make("label", { for: id }, control.label), box, slide);
    const set = (value, [least, most]) => {
      now = value;
      for (const input of [slide, box]) {
        Object.assign(input, { min: least, max: most });
        if (Number(input.value) !== value || input.value === "") input.value = value;
      }
    };
    return { element, set };
  }

  /** Buttons of which one is pressed: radio inputs, moved by the arrow keys. */
  function choice(control, changed) {
    const name = `wd-${++made}`, buttons = {};
    const element = make("fieldset", { class: "wd-choice" }, make("legend", {}, control.label));
    for (const [value, label] of Object.entries(control.options)) {
      buttons[value] = make("input", { type: "radio", name, value,
        change: () => changed(control.key, value) });
      element.append(make("label", {}, buttons[value], make("span", {}, label)));
    }
    return { element, set: (value) => { buttons[value].checked = true; } };
  }

  /** A box to tick. */
  function check(control, changed) {
    const box = make("input", { type: "checkbox",
      change: () => changed(control.key, box.checked) });
    const element = make("label", { class: "wd-check" }, box, make("span", {}, control.label));
    return { element, set: (value) => { box.checked = value; } };
  }

  const KINDS = { range, choice, check };

  /** Text of an address as a value of a control; undefined where it does not fit. */
  function parsed(control, text) {
    if (control.kind === "check") return { 0: false, 1: true }[text];
    if (control.kind === "choice") return Object.hasOwn(control.options, text) ? text : undefined;
    const value = Number(text);
    if (text === "" || !(value >= control.min && value <= control.max)) return undefined;
    return control.step === 1 ? Math.round(value) : value;
  }

  const control = (description, changed) => KINDS[description.kind](description, changed);

  Object.assign(minidrop, { make, control, parsed });
})();

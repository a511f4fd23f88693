/* The frame of a widget: controls, picture, numbers, equations, lines of Python, and its address.

   A kind of widget is {controls, shown(state), limits(state), draws, start(stage)}: `draws` is how
   many there are at first, where one can ask for more; start fills the stage and returns a function
   of the state, which draws and gives {values, facts, equations, python, said}.  The values
   are what a test compares with the lines of Python, by name.  An equation is [tag, its numbers,
   whether its symbols hold here too]. */
(function () {
  "use strict";
  const { make, number, typeset, highlighted, copied } = minidrop;
  const kinds = {}, widgets = [];
  const DRAWS = { key: "draws", kind: "range", min: 1, max: 2000, step: 1 };

  class Widget {
    constructor(root) {
      this.root = root;
      this.kind = kinds[root.dataset.widget];
      if (!this.kind) throw new Error(`data-widget must be one of ${Object.keys(kinds)}`);
      this.name = root.dataset.name || root.dataset.widget;
      const draws = this.kind.draws ? [{ ...DRAWS, value: this.kind.draws }] : [];
      this.all = [...this.kind.controls, ...draws];
      this.state = this.initial();
      this.build();
      this.root.widget = this;
      if (!this.read()) this.update();
    }

    /** The values the controls begin with: those of the attributes data-KEY, or their own. */
    initial() {
      return Object.fromEntries(this.all.map((control) => {
        const { key, value, options, min, max } = control, given = this.root.dataset[key];
        const found = given === undefined ? value : minidrop.parsed(control, given);
        if (found === undefined) {
          throw new Error(`data-${key} must be ${options ? `one of ${Object.keys(options)}`
            : min === undefined ? "0 or 1" : `${min} to ${max}`}, got "${given}"`);
        }
        return [key, found];
      }));
    }

    build() {
      this.inputs = {};
      const panel = make("div", { class: "wd-controls" });
      const head = make("div", { class: "wd-first" });
      for (const control of this.kind.controls) {
        const anew = control.look ? {} : { draws: this.kind.draws };
        this.inputs[control.key] = minidrop.control(control,
          (key, value) => this.change({ [key]: value, ...anew }));
        (control.first ? head : panel).append(this.inputs[control.key].element);
      }
      this.parts = Object.fromEntries(["stage", "facts", "equations", "python"].map(
        (part) => [part, make("div", { class: `wd-${part}` })]));
      this.said = make("p", { class: "visually-hidden", role: "status", "aria-live": "polite" });
      panel.append(this.buttons());
      this.root.replaceChildren(head, make("div", { class: "wd-top" }, this.parts.stage, panel),
        this.parts.facts, this.parts.equations, this.python(), this.said);
      this.root.classList.add("wd");
      this.draw = this.kind.start(this.parts.stage);
    }

    buttons() {
      const button = (label, click) => make("button", { type: "button", click }, label);
      const more = (n) => () => this.change({ draws: Math.min(this.state.draws + n, DRAWS.max) });
      const link = button("Copy link", async () => {
        this.write();
        link.textContent = await copied(location.href) ? "Copied" : "Now in the address bar";
        setTimeout(() => { link.textContent = "Copy link"; }, 2000);
      });
      const draws = this.kind.draws ? [button("Draw again", more(1)), button("100 more", more(100)),
        button("Start again", () => this.change({ draws: this.kind.draws }))] : [];
      return make("div", { class: "wd-buttons" }, ...draws, link);
    }

    python() {
      this.code = make("code");
      const button = make("button", { type: "button", click: async () => {
        button.textContent = await copied(this.code.textContent) ? "Copied" : "Not allowed here";
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
      } }, "Copy");
      this.parts.python.append(
        make("div", { class: "wd-head" }, make("span", {}, "The same in Python"), button),
        make("div", { class: "highlight" }, make("pre", { tabindex: 0 }, this.code)));
      return this.parts.python;
    }

    /** Take new values, draw, and soon tell the address and those who listen. */
    change(values) {
      Object.assign(this.state, values);
      this.update();
      clearTimeout(this.soon);
      this.soon = setTimeout(() => {
        this.write();
        this.said.textContent = this.view.said;
      }, 300);
    }

    update() {
      const { state, kind } = this, limits = kind.limits ? kind.limits(state) : {};
      const fixed = this.root.dataset;
      for (const control of kind.controls) {
        const [least, most] = limits[control.key] || [control.min, control.max];
        if (control.kind === "range") {
          state[control.key] = Math.min(Math.max(state[control.key], least), most);
        }
        const input = this.inputs[control.key];
        const hidden = control.key in fixed && control.kind === "choice";
        input.element.hidden = hidden || (kind.shown && !kind.shown(state).includes(control.key));
        input.set(state[control.key], [least, most]);
      }
      this.view = this.draw(state);
      this.tell(this.view);
    }

    tell({ facts, equations, python }) {
      const rows = facts.map(([label, value, note]) => make("div", {}, make("dt", {}, label),
        make("dd", {}, make("b", {}, typeof value === "number" ? number(value) : value),
          note ? ` ${note}` : "")));
      this.parts.facts.replaceChildren(make("dl", {}, ...rows));
      this.code.replaceChildren(highlighted(python));
      const boxes = this.parts.equations;
      while (boxes.children.length > equations.length) boxes.lastChild.remove();
      equations.forEach(([tag, filled, general = true], i) => {
        if (!boxes.children[i]) boxes.append(make("div", {}, make("a"), make("div"), make("div")));
        const [link, symbols, numbers] = boxes.children[i].children;
        typeset(symbols, minidrop.data.equations[tag].tex);
        typeset(numbers, filled);
        symbols.hidden = !general;
        numbers.hidden = !filled;
        link.textContent = `(${tag})`;
        link.href = new URL(minidrop.data.equations[tag].page, minidrop.root).href;
      });
    }

    /** The state to the address: #name&key=value for what differs from the beginning. */
    write() {
      const initial = this.initial(), text = (value) => (value === true ? 1 : value || 0);
      const parts = this.all.filter(({ key }) => this.state[key] !== initial[key])
        .map(({ key }) => `&${key}=${text(this.state[key])}`);
      history.replaceState(history.state, "", `#${this.name}${parts.join("")}`);
    }

    /** The state from the address, if it has one for this widget; whether it has. */
    read() {
      const [name, ...parts] = location.hash.slice(1).split("&");
      if (name !== this.name || !parts.length) return false;
      const given = Object.fromEntries(parts.map((part) => part.split("=")));
      this.state = this.initial();
      for (const control of this.all.filter(({ key }) => key in given)) {
        const value = minidrop.parsed(control, given[control.key] || "");
        if (value !== undefined) this.state[control.key] = value;
      }
      this.update();
      this.root.scrollIntoView();
      return true;
    }
  }

  /** Make every widget below `root`, once. */
  function mount(root) {
    for (const place of root.querySelectorAll("[data-widget]")) {
      if (!place.widget) widgets.push(new Widget(place));
    }
  }

  const again = () => widgets.forEach((widget) => widget.update());
  const widget = (name, kind) => { kinds[name] = kind; };
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth !== width) again();
    width = window.innerWidth;
  });
  window.addEventListener("hashchange", () => widgets.forEach((widget) => widget.read()));
  minidrop.whenColoursChange(again);
  Object.assign(minidrop, { widget, mount });
})();

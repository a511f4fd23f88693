/* The mask painter: a mini-batch of four under a mask, and what many draws make of it. */
(function () {
  "use strict";
  const { make, number, percent, palette, mixed, cells, panel, chart, svg, techniques, EXAMPLES } =
    minidrop;

  const controls = [
    { key: "technique", kind: "choice", label: "Technique", first: true, value: "dropout",
      options: { dropout: "Dropout", spatial: "Spatial", dropblock: "DropBlock",
        dropconnect: "DropConnect", cutout: "Cutout" } },
    { key: "p", kind: "range", label: "Drop rate p", min: 0, max: 1, step: 0.01, value: 0.3 },
    { key: "block", kind: "range", label: "Side of a block", min: 1, max: 32, step: 1, value: 4 },
    { key: "length", kind: "range", label: "Side of the square", min: 0, max: 32, step: 1,
      value: 7 },
    { key: "size", kind: "choice", label: "Size", value: "16",
      options: { 8: "8", 16: "16", 32: "32" } },
    { key: "seed", kind: "range", label: "Seed", min: 0, max: 9999, step: 1, value: 7 },
    { key: "alone", kind: "check", label: "The mask alone", value: false, look: true },
  ];

  /** All draws so far; drawn on from where it stands, unless something else is asked for. */
  class Tally {
    upTo(s) {
      const { technique, p, block, length, size, seed } = s;
      const wanted = JSON.stringify([technique, p, block, length, size, seed]);
      if (wanted !== this.wanted || s.draws < this.shares.length) {
        const [rows, columns] = techniques[technique].grid(s);
        Object.assign(this, { wanted, rng: new minidrop.Stream(seed), shares: [], total: 0,
          counts: new Float64Array(rows * columns) });
      }
      while (this.shares.length < s.draws) this.once(techniques[technique], s);
      return this;
    }

    once(technique, s) {
      this.last = technique.draw(this.rng, s);
      const places = this.counts.length;
      let found = 0;
      this.last.forEach((out, i) => {
        this.counts[i % places] += out;
        found += out;
      });
      this.found = found;
      this.total += found;
      this.shares.push(found / this.last.length);
    }
  }

  /** Paint example n: what is dropped in its own colour, with a trace of what was there. */
  function paint(view, n, s, tally, picture, colours) {
    const places = tally.counts.length, start = n * places, { ink, place } = picture;
    cells(view.canvas, picture.rows, picture.columns, (i) => {
      const at = place ? place[i] : i;
      if (at < 0) return null;
      const out = tally.last[start + at];
      if (s.alone) return out ? colours.drop : colours.keep;
      return out ? mixed(colours.drop, colours.ink, 0.2 * ink[i])
        : mixed(colours.paper, colours.ink, ink[i]);
    });
    const gone = tally.last.subarray(start, start + places).reduce((a, b) => a + b, 0);
    const { unit } = techniques[s.technique];
    view.say(`${gone} dropped`, `Example ${n + 1}: ${gone} of ${places} ${unit} are dropped`);
  }

  /** A map of shares from 0 to `top`. */
  function heat(view, [rows, columns], values, top, colours, words) {
    cells(view.canvas, rows, columns,
      (i) => mixed(colours.paper, colours.drop, top ? Math.min(values[i] / top, 1) : 0));
    const least = percent(Math.min(...values)), most = percent(Math.max(...values));
    view.say(`${words}: ${least === most ? most : `${least} to ${most}`}`);
  }

  /** The share of every draw as a point, their mean so far as a line. */
  function trace(shares, expected, width, height) {
    const n = shares.length, left = 44, right = width - 8, top = 10, bottom = height - 22;
    const reach = Math.max(0.02, ...shares.map((x) => 1.1 * Math.abs(x - expected)));
    const x = (i) => (n > 1 ? left + (right - left) * i / (n - 1) : (left + right) / 2);
    const y = (share) => top + (bottom - top) * (expected + reach - share) / (2 * reach);
    const every = Math.ceil(n / 400), points = [];
    let sum = 0, marks = "";
    shares.forEach((share, i) => {
      sum += share;
      if (i % every && i < n - 1) return;
      marks += svg.dot(x(i), y(share), n > 150 ? 1.5 : 2.5, "wd-faint");
      points.push([x(i), y(sum / (i + 1))]);
    });
    const ticks = [expected + reach, expected, expected - reach].map((share) =>
      svg.label(left - 5, y(share) + 4, percent(share), "wd-end")).join("");
    const ends = svg.label(left, height - 5, "draw 1")
      + svg.label(right, height - 5, `draw ${n}`, "wd-end");
    return svg.line(left, y(expected), right, y(expected), "wd-expected") + marks
      + svg.path(points, "wd-mean") + svg.dot(...points.at(-1), 3.5, "wd-now") + ticks
      + (n > 1 ? ends : svg.label(x(0), height - 5, "draw 1", "wd-mid"));
  }

  function start(stage) {
    const views = Array.from({ length: EXAMPLES }, (_, n) => panel(`Example ${n + 1}`));
    const seen = panel("Drawn"), exact = panel("Exactly");
    const line = chart(130);
    stage.append(make("div", { class: "wd-examples" }, ...views.map((view) => view.figure)),
      make("div", { class: "wd-maps" }, seen.figure, exact.figure, line.figure));
    const tally = new Tally(), pictures = {};
    return (s) => {
      const technique = techniques[s.technique], colours = palette(stage);
      tally.upTo(s);
      views.forEach((view, n) => {
        const key = [s.technique, s.size, n].join();
        pictures[key] ||= technique.picture(n, s);
        paint(view, n, s, tally, pictures[key], colours);
      });
      const map = technique.map(s), top = 1.25 * Math.max(...map), grid = technique.grid(s);
      const shares = tally.counts.map((count) => count / (EXAMPLES * s.draws));
      heat(seen, grid, shares, top, colours, "Drawn");
      heat(exact, grid, map, top, colours, "Exactly");
      const view = told(technique, s, tally);
      line.say(s.draws > 1 ? "Each draw, and their mean so far"
        : "Draw again, and see where the mean goes");
      line.draw((width, height) => trace(tally.shares, view.values.expected, width, height),
        `${view.said} The mean goes to ${percent(view.values.expected)}.`);
      return view;
    };
  }

  /** The words and numbers beside the picture. */
  function told(technique, s, tally) {
    const drawn = tally.shares.at(-1), mean = tally.total / tally.last.length / s.draws;
    const expected = technique.expected(s), all = tally.last.length;
    return {
      values: { drawn, mean, expected, ...technique.values(s) },
      facts: [["Dropped in this draw", drawn, `${tally.found} of ${all} ${technique.unit}`],
        [`Mean of ${s.draws} ${s.draws === 1 ? "draw" : "draws"}`, mean],
        ["Expected, exactly", number(expected, 6)], ...technique.facts(s)],
      equations: technique.equations(s),
      python: technique.python(s),
      said: `Draw ${s.draws} drops ${percent(drawn)} of the ${technique.unit}, where `
        + `${percent(expected)} are expected; all draws so far, ${percent(mean)}.`,
    };
  }

  minidrop.widget("masks", {
    controls, draws: 1, start,
    shown: (s) => ["technique", "seed", "alone", ...techniques[s.technique].controls],
    limits: ({ size }) => ({ block: [1, Number(size)], length: [0, Number(size)] }),
  });
})();

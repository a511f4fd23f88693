/* Targeted dropout of one row of weights: candidates, draws, and what pruning would leave. */
(function () {
  "use strict";
  const { make, number, percent, chart, svg, mean } = minidrop;

  const controls = [
    { key: "n", kind: "range", label: "Weights n", min: 10, max: 100, step: 1, value: 40 },
    { key: "gamma", kind: "range", label: "Share of candidates γ", min: 0, max: 1, step: 0.01,
      value: 0.5 },
    { key: "alpha", kind: "range", label: "Drop rate α of a candidate", min: 0, max: 1, step: 0.01,
      value: 0.66 },
    { key: "seed", kind: "range", label: "Seed", min: 0, max: 9999, step: 1, value: 7 },
    { key: "sorted", kind: "check", label: "Sorted by size", value: false, look: true },
  ];

  /** Weights near a bell: each the sum of four uniform numbers, less 2. */
  function row(rng, n) {
    const u = minidrop.uniform(rng, 4 * n);
    return Float64Array.from({ length: n },
      (_, i) => u[i] + u[n + i] + u[2 * n + i] + u[3 * n + i] - 2);
  }

  class Tally {
    upTo(s) {
      const wanted = JSON.stringify([s.n, s.gamma, s.alpha, s.seed]);
      if (wanted !== this.wanted || s.draws < this.shares.length) {
        const rng = new minidrop.Stream(s.seed), w = row(rng, s.n);
        Object.assign(this, { wanted, rng, w, shares: [],
          candidates: minidrop.targeted_candidates(w, s.gamma) });
      }
      while (this.shares.length < s.draws) {
        this.mask = minidrop.targeted_mask(this.rng, this.candidates, s.alpha);
        this.shares.push(mean(this.mask));
      }
      return this;
    }
  }

  const KINDS = ["wd-bar", "wd-candidate", "wd-gone"];
  const WORDS = ["never dropped", "candidate, kept", "dropped"];
  const kind = ({ candidates, mask }, i) => (mask[i] ? candidates[i] : 2);
  const LEFT = 34;

  /** A bar for every weight. */
  function bars(s, tally, width, height) {
    const { w, candidates } = tally, top = Math.max(...w.map(Math.abs)), middle = height / 2;
    const order = Array.from(w, (_, i) => i);
    if (s.sorted) order.sort((i, j) => Math.abs(w[i]) - Math.abs(w[j]));
    const step = (width - LEFT - 8) / s.n, y = (x) => middle - (middle - 10) * x / top;
    const limit = Math.max(0, ...w.filter((_, i) => candidates[i]).map(Math.abs));
    const band = !limit ? ""
      : svg.rect(LEFT, y(limit), width - LEFT - 8, y(-limit) - y(limit), "wd-band");
    return band + order.map((i, place) => svg.rect(LEFT + place * step + step * 0.1,
      Math.min(y(w[i]), middle), step * 0.8, Math.max(Math.abs(y(w[i]) - middle), 1),
      KINDS[kind(tally, i)])).join("") + svg.line(LEFT, middle, width - 8, middle, "wd-axis")
      + svg.label(LEFT - 5, 14, number(top, 1), "wd-end")
      + svg.label(LEFT - 5, middle + 4, "0", "wd-end")
      + svg.label(LEFT - 5, height - 4, number(-top, 1), "wd-end");
  }

  /** How many weights have which value, in a colour for each fate. */
  function histogram(s, tally, width, height) {
    const { w } = tally, top = Math.max(...w.map(Math.abs)), bins = 21, bottom = height - 22;
    const counts = Array.from({ length: bins }, () => [0, 0, 0]);
    w.forEach((x, i) => {
      counts[Math.min(bins - 1, Math.floor((x + top) / (2 * top) * bins))][kind(tally, i)] += 1;
    });
    const most = Math.max(...counts.map(([a, b, c]) => a + b + c));
    const step = (width - LEFT - 8) / bins, tall = (bottom - 10) / most;
    let inside = "";
    counts.forEach((bin, k) => {
      let y = bottom;
      [2, 1, 0].forEach((fate) => {
        y -= bin[fate] * tall;
        inside += svg.rect(LEFT + k * step + 1, y, step - 2, bin[fate] * tall, KINDS[fate]);
      });
    });
    return inside + svg.line(LEFT, bottom, width - 8, bottom, "wd-axis")
      + svg.label(LEFT, height - 6, number(-top, 1)) + svg.label(LEFT - 5, 16, most, "wd-end")
      + svg.label((LEFT + width - 8) / 2, height - 6, "0", "wd-mid")
      + svg.label(width - 8, height - 6, number(top, 1), "wd-end");
  }

  function start(stage) {
    const each = chart(170, "Every weight; those within the band are candidates.");
    const counted = chart(150, "How many weights have which value.");
    const legend = make("p", { class: "wd-legend" }, ...WORDS.map((word, i) =>
      make("span", {}, make("i", { class: KINDS[i] }), word)));
    stage.append(legend, each.figure, counted.figure);
    const tally = new Tally();
    return (s) => {
      tally.upTo(s);
      const view = told(s, tally);
      each.draw((width, height) => bars(s, tally, width, height), view.said);
      counted.draw((width, height) => histogram(s, tally, width, height),
        `A histogram of the same ${s.n} weights`);
      return view;
    };
  }

  function told(s, { w, candidates, mask, shares }) {
    const k = candidates.reduce((a, b) => a + b, 0), left = mask.reduce((a, b) => a + b, 0);
    const expected = 1 - k / s.n * s.alpha, pruned = 1 - k / s.n, drawn = shares.at(-1);
    return {
      values: { w: [Array.from(w)], candidates: [Array.from(candidates)], mask: [Array.from(mask)],
        drawn, mean: mean(shares), expected, pruned },
      facts: [["Candidates", k, `of ${s.n}`], ["Dropped in this draw", s.n - left],
        ["Kept in this draw", drawn],
        [`Mean of ${s.draws} ${s.draws === 1 ? "draw" : "draws"}`, mean(shares)],
        ["Expected to be kept", expected], ["Pruning would leave", pruned, `${s.n - k} of ${s.n}`]],
      equations: [["targeted.3", `k = \\lfloor ${s.gamma} \\cdot ${s.n} \\rfloor = ${k}`],
        ["targeted.7", `\\Big( 1 - \\frac{${k}}{${s.n}} \\cdot ${s.alpha} \\Big) \\cdot ${s.n} = `
          + `${number(expected * s.n)}`]],
      python: ["import minidrop as md", "", `rng = md.Stream(${s.seed})`,
        `w = md.uniform(rng, (4, 1, ${s.n})).astype("float64").sum(0) - 2`,
        `candidates = md.targeted_candidates(w, ${s.gamma}, unit=False)`,
        `masks = [md.targeted_mask(rng, candidates, ${s.alpha}, unit=False)`,
        `         for _ in range(${s.draws})]`, "mask = masks[-1]", "drawn = mask.mean()",
        `mean = sum(m.mean() for m in masks) / ${s.draws}`,
        `expected = 1 - candidates.mean() * ${s.alpha}`,
        `pruned = md.magnitude_mask(w, ${s.gamma}, unit=False).mean()`].join("\n"),
      said: `${k} of ${s.n} weights are candidates, ${s.n - left} are dropped, ${percent(drawn)} `
        + `are kept where ${percent(expected)} are expected; pruning leaves ${percent(pruned)}.`,
    };
  }

  minidrop.widget("targeted", { controls, draws: 1, start });
})();

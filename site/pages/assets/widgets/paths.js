/* Stochastic depth: the blocks of a network side by side, their chances, gates and depths. */
(function () {
  "use strict";
  const { make, number, percent, chart, svg } = minidrop;

  const controls = [
    { key: "blocks", kind: "range", label: "Blocks L", min: 1, max: 54, step: 1, value: 12 },
    { key: "last", kind: "range", label: "Survival of the last block", min: 0, max: 1, step: 0.01,
      value: 0.5 },
    { key: "rule", kind: "choice", label: "Rule", value: "paper", options: { paper: "Linear",
      linspace: "From 1 (timm)", efficientnet: "EfficientNet", constant: "Constant" } },
    { key: "mode", kind: "choice", label: "A gate for", value: "batch",
      options: { batch: "the mini-batch", row: "each example" } },
    { key: "examples", kind: "range", label: "Examples", min: 1, max: 16, step: 1, value: 6 },
    { key: "seed", kind: "range", label: "Seed", min: 0, max: 9999, step: 1, value: 7 },
  ];
  const TAGS = { paper: "stochastic_depth.1", linspace: "stochastic_depth.2",
    efficientnet: "stochastic_depth.3", constant: "stochastic_depth.4" };

  const survivals = ({ blocks, last, rule }) => Array.from({ length: blocks }, (_, l) =>
    (rule === "constant" ? last : minidrop.survival(l + 1, blocks, last, rule)));

  /** P(depth = 0), ..., P(depth = L): one block after the other. */
  function depths(chances) {
    return chances.reduce((found, q) => [...found, 0].map(
      (chance, d) => chance * (1 - q) + (d ? found[d - 1] * q : 0)), [1]);
  }

  /** The gates of the last of all draws, and how often each depth was seen. */
  class Tally {
    upTo(s, chances) {
      const wanted = JSON.stringify([s.blocks, s.last, s.rule, s.mode, s.examples, s.seed]);
      if (wanted !== this.wanted || s.draws < this.draws) {
        Object.assign(this, { wanted, rng: new minidrop.Stream(s.seed), draws: 0, sum: 0,
          seen: new Array(s.blocks + 1).fill(0) });
      }
      for (; this.draws < s.draws; this.draws++) {
        this.gates = chances.map((q) => minidrop.path_gate(this.rng, s.examples, 1 - q, s.mode));
        this.depth = Array.from(this.gates[0], (_, n) =>
          this.gates.reduce((depth, gate) => depth + gate[n], 0));
        this.depth.forEach((depth) => {
          this.seen[depth] += 1;
          this.sum += depth;
        });
      }
      return this;
    }
  }

  const GAP = 3, LEFT = 40, RIGHT = 34, BARS = 76;

  /** Bars of survival, and below them a row of gates for each example: closed ones are hollow. */
  function ladder(s, chances, tally, width) {
    const rows = tally.depth.length, tall = s.mode === "batch" ? 40 : 16;
    const step = (width - LEFT - RIGHT) / s.blocks, gap = Math.min(GAP, step / 4);
    let inside = svg.label(LEFT - 5, 14, "1", "wd-end")
      + svg.label(LEFT - 5, BARS + 4, "0", "wd-end") + svg.label(2, 46, "q")
      + svg.line(LEFT, BARS, width - RIGHT, BARS, "wd-axis")
      + svg.label(width - RIGHT + 6, BARS + 16, "open");
    for (let n = 0; n < rows; n++) {
      const middle = BARS + 24 + (n + 0.5) * (tall + GAP);
      inside += svg.line(LEFT - 6, middle, width - RIGHT + 3, middle, "wd-skip")
        + svg.label(width - RIGHT + 8, middle + 4, tally.depth[n]);
    }
    const open = [], closed = [], bars = [];
    chances.forEach((q, l) => {
      const x = LEFT + l * step + gap / 2, wide = step - gap;
      bars.push([x, BARS - q * (BARS - 10), wide, q * (BARS - 10)]);
      for (let n = 0; n < rows; n++) {
        const y = BARS + 24 + n * (tall + GAP) + GAP / 2;
        if (tally.gates[l][n]) open.push([x, y, wide, tall]);
        else closed.push([x, y + tall * 0.36, wide, tall * 0.28]);
      }
    });
    const bottom = height(s) - 4;
    return inside + svg.rects(bars, "wd-bar") + svg.rects(open, "wd-open")
      + svg.rects(closed, "wd-closed") + svg.label(LEFT, bottom, "block 1")
      + svg.label(width - RIGHT, bottom, `block ${s.blocks}`, "wd-end");
  }

  const height = (s) => BARS + 46
    + (s.mode === "batch" ? 40 + GAP : s.examples * (16 + GAP));

  /** How often each depth was seen (bars) beside its chance (points). */
  function histogram(tally, exact, expected, width, height) {
    const total = tally.seen.reduce((a, b) => a + b, 0), bottom = height - 24;
    const top = Math.max(...exact, ...tally.seen.map((k) => k / total));
    const shown = exact.map((p, d) => (p > 1e-4 || tally.seen[d] ? d : -1)).filter((d) => d >= 0);
    const first = shown[0], step = (width - LEFT - 10) / (shown.at(-1) - first + 1);
    const y = (p) => bottom - (bottom - 12) * p / top, x = (d) => LEFT + (d - first) * step;
    let inside = svg.line(LEFT, bottom, width - 10, bottom, "wd-axis")
      + svg.label(LEFT - 5, 16, percent(top), "wd-end");
    const every = Math.ceil(26 / step);
    for (let d = first; d <= shown.at(-1); d++) {
      inside += svg.rect(x(d) + 1, y(tally.seen[d] / total), step - 2,
        bottom - y(tally.seen[d] / total), "wd-bar");
      if ((d - first) % every === 0) inside += svg.label(x(d) + step / 2, height - 8, d, "wd-mid");
    }
    const at = x(expected) + step / 2;
    return inside + svg.line(at, 8, at, bottom, "wd-expected")
      + exact.map((p, d) => (d >= first && d <= shown.at(-1)
        ? svg.dot(x(d) + step / 2, y(p), 3.5, "wd-look") : "")).join("");
  }

  function start(stage) {
    const gates = chart(100, ""), spread = chart(150, "");
    stage.append(gates.figure, spread.figure);
    const tally = new Tally();
    return (s) => {
      const chances = survivals(s), exact = depths(chances);
      tally.upTo(s, chances);
      const view = told(s, chances, tally);
      gates.draw((width) => ladder(s, chances, tally, width), view.said, height(s));
      gates.say("Above, how often each block survives; below, its gates in this draw: where one is "
        + "closed, the skip alone is left.");
      spread.draw((width, tall) => histogram(tally, exact, view.values.expected, width, tall),
        `How many blocks are open, on average ${number(view.values.expected)} of ${s.blocks}`);
      spread.say("How many blocks are open: bars, as drawn; points, exactly; dashed, on average.");
      return view;
    };
  }

  function told(s, chances, tally) {
    const expected = chances.reduce((a, b) => a + b, 0);
    const variance = chances.reduce((sum, q) => sum + q * (1 - q), 0);
    const drawn = tally.sum / (s.draws * tally.depth.length), batch = s.mode === "batch";
    const saved = batch ? 1 - expected / s.blocks : 0;
    const closed = tally.gates.reduce((sum, gate) => sum + gate.filter((g) => !g).length, 0);
    return {
      values: { survivals: chances, gates: tally.gates.map((gate) => Array.from(gate)), drawn,
        expected, variance, saved },
      facts: [["Gates closed in this draw", closed, `of ${s.blocks * tally.depth.length}`],
        [`Mean depth of ${s.draws} ${s.draws === 1 ? "draw" : "draws"}`, drawn],
        ["Expected depth", expected, `of ${s.blocks}`],
        ["Its standard deviation", Math.sqrt(variance)],
        ["Branches not computed", percent(saved), batch ? "on average"
          : "each is computed, then multiplied by its gates"]],
      equations: equations(s, expected, variance),
      python: python(s),
      said: `${closed} of ${s.blocks * tally.depth.length} gates are closed. The expected depth is `
        + `${number(expected, 2)} of ${s.blocks} blocks.`,
    };
  }

  function equations({ blocks: L, last, rule }, expected, variance) {
    const below = { paper: `l}{${L}`, linspace: `l - 1}{${Math.max(1, L - 1)}`,
      efficientnet: `l - 1}{${L}` }[rule];
    const first = below ? `q_l = 1 - \\frac{${below}} (1 - ${last})`
      : `q_l = ${last} \\quad \\text{for every block}`;
    const sums = `\\textstyle \\mathbb{E}[D] = \\sum_l q_l = ${number(expected)}, \\qquad `
      + `\\mathrm{Var}[D] = \\sum_l p_l \\, q_l = ${number(variance)}`;
    // the closed form of (stochastic_depth.9) is that of the paper's rule alone
    return [[TAGS[rule], first], ["stochastic_depth.9", sums, rule === "paper"]];
  }

  function python({ blocks, last, rule, mode, examples, seed, draws }) {
    const chances = rule === "constant" ? `[${last}] * ${blocks}`
      : `[md.survival(l, ${blocks}, ${last}, "${rule}") for l in range(1, ${blocks + 1})]`;
    const saved = mode === "batch" ? `1 - expected / ${blocks}` : "0.0";
    return ["import numpy as np", "import minidrop as md", "", `survivals = ${chances}`,
      `rng = md.Stream(${seed})`,
      `draws = [[md.path_gate(rng, ${examples}, 1 - q, "${mode}") for q in survivals]`,
      `         for _ in range(${draws})]`,
      "gates = draws[-1]", "drawn = np.sum(draws, axis=1).mean()", "expected = sum(survivals)",
      "variance = sum(q * (1 - q) for q in survivals)", `saved = ${saved}`].join("\n");
  }

  minidrop.widget("paths", {
    controls, draws: 100, start,
    shown: (s) => controls.map((control) => control.key)
      .filter((key) => key !== "examples" || s.mode === "row"),
  });
})();

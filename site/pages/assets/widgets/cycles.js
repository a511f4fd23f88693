/* The learning rate of snapshot ensembles: cosine waves, a snapshot at the end of each. */
(function () {
  "use strict";
  const { make, number, chart, svg } = minidrop;

  const controls = [
    { key: "total", kind: "range", label: "Iterations T", min: 10, max: 400, step: 1, value: 120 },
    { key: "cycles", kind: "range", label: "Cycles M", min: 1, max: 10, step: 1, value: 4 },
    { key: "lr", kind: "range", label: "First rate α₀", min: 0.01, max: 0.5, step: 0.01,
      value: 0.1 },
    { key: "t", kind: "range", label: "Look at iteration t", min: 1, max: 400, step: 1, value: 40 },
    { key: "decay", kind: "check", label: "Beside it: a tenth at T/2 and 3T/4", value: true },
  ];

  const milestones = (total) => [Math.floor(total / 2), Math.floor(3 * total / 4)];

  function found(s) {
    const rates = Array.from({ length: s.total }, (_, i) =>
      minidrop.cyclic_cosine(i + 1, s.total, s.cycles, s.lr));
    return { rates, steps: minidrop.snapshot_steps(s.total, s.cycles),
      decay: minidrop.step_decay(s.lr, s.total, milestones(s.total), 0.1), rate: rates[s.t - 1] };
  }

  const LEFT = 46, RIGHT = 12, TOP = 26, FOOT = 24;

  /** Rates as steps, snapshots as flags, and the iteration that is looked at. */
  function curve(s, { rates, steps, decay }, width, height) {
    const bottom = height - FOOT, step = (width - LEFT - RIGHT) / s.total;
    const x = (t) => LEFT + t * step, y = (rate) => bottom - (bottom - TOP) * rate / s.lr;
    const stairs = (values) => values.flatMap((rate, i) => [[x(i), y(rate)], [x(i + 1), y(rate)]]);
    const cycle = s.total / steps.length;
    const flags = steps.map((end, j) => svg.line(x(end), TOP - 8, x(end), bottom, "wd-flag")
      + svg.dot(x(end), y(rates[end - 1]), 4.5, "wd-now")
      + (cycle * step > 18 || j === steps.length - 1
        ? svg.label(x(end) - (j === steps.length - 1 ? 4 : 0), TOP - 12, j + 1,
          j === steps.length - 1 ? "wd-end" : "wd-mid") : "")).join("");
    const ticks = [1, 0.5, 0].map((part) => svg.label(LEFT - 6, y(part * s.lr) + 4,
      number(part * s.lr), "wd-end") + svg.line(LEFT, y(part * s.lr), width - RIGHT,
      y(part * s.lr), "wd-axis")).join("");
    const at = x(s.t - 0.5);
    return ticks + svg.line(at, TOP, at, bottom, "wd-look")
      + (s.decay ? svg.path(stairs(decay), "wd-other") : "") + svg.path(stairs(rates), "wd-mean")
      + flags + svg.dot(at, y(rates[s.t - 1]), 5, "wd-look")
      + svg.label(LEFT, height - 6, "1") + svg.label(width - RIGHT, height - 6, s.total, "wd-end");
  }

  function start(stage) {
    const rates = chart(240, "");
    stage.append(rates.figure);
    rates.say("The learning rate of every iteration; a snapshot is taken at every numbered point. "
      + "Dashed: a rate that is cut to a tenth, twice. Press on the curve to look closer.");
    let last;
    const look = (event) => {
      const { left, width } = rates.box.getBoundingClientRect();
      const share = (event.clientX - left - LEFT) / (width - LEFT - RIGHT);
      const t = Math.min(Math.max(Math.ceil(share * last.total), 1), last.total);
      stage.closest("[data-widget]").widget.change({ t });
    };
    rates.box.classList.add("wd-pressed");
    rates.box.addEventListener("pointerdown", look);
    rates.box.addEventListener("pointermove", (event) => { if (event.buttons) look(event); });
    return (s) => {
      const all = found(s), view = told(s, all);
      last = s;
      rates.draw((width, height) => curve(s, all, width, height), view.said);
      return view;
    };
  }

  function told(s, all) {
    const c = Math.ceil(s.total / s.cycles), ends = all.steps.map((end) => all.rates[end - 1]);
    const { total: T, cycles: M, lr, t } = s, k = (t - 1) % c;
    const short = all.steps.at(-1) - (all.steps.at(-2) || 0);
    return {
      values: all,
      facts: [[`Rate of iteration ${t}`, number(all.rate, 6)],
        ["Iterations of a cycle", c, short < c ? `the last one has ${short}` : ""],
        ["Snapshots after", all.steps.join(", ")],
        ["Rate at the last snapshot", number(ends.at(-1), 6)],
        ...(all.steps.length < M ? [["Cycles", all.steps.length, `and not ${M}`]] : [])],
      equations: [["snapshot.2", `\\alpha(${t}) = \\frac{${lr}}{2} \\left( \\cos \\left( `
          + `\\frac{\\pi \\cdot ${k}}{${c}} \\right) + 1 \\right) = ${number(all.rate, 6)}`],
        ["snapshot.4", `s_j = \\min(${c} \\, j, ${T}) = ${all.steps.join(", \\; ")}`]],
      python: ["import minidrop as md", "",
        `rates = md.cyclic_cosine(range(1, ${T + 1}), ${T}, ${M}, ${lr})`,
        `rate = md.cyclic_cosine(${t}, ${T}, ${M}, ${lr})`,
        `steps = md.snapshot_steps(${T}, ${M})`,
        `decay = md.optim.step_decay(${lr}, ${T}, [${milestones(T).join(", ")}], 0.1)`].join("\n"),
      said: `${all.steps.length} cycles of ${c} iterations, snapshots after `
        + `${all.steps.join(", ")}; iteration ${t} has the rate ${number(all.rate)}.`,
    };
  }

  minidrop.widget("cycles", { controls, start, limits: ({ total }) => ({ t: [1, total] }) });
})();

/* What the mask painter paints: five techniques, each for a mini-batch of four examples.

   controls  what can be set, besides the seed
   grid      rows and columns of decisions of one example
   draw      where a draw of the stream drops: 1 for each place of each example
   map       the exact chance of each place; expected, their mean
   picture   the pixels of example n, {rows, columns, ink, place}: how dark, and whose decision
   facts, equations, python, values   what is beside it */
(function () {
  "use strict";
  const { Stream, mean, number } = minidrop;
  const N = 4, CHANNELS = 8, SIDE = 8;

  const dropped = (mask) => mask.map((kept) => 1 - kept);
  const even = (value, n) => new Float64Array(n).fill(value);

  /** A digit of 8 x 8 pixels on size x size, the pixels between by two straight lines. */
  function enlarged(digit, size) {
    const at = (i, j) => digit[Math.min(Math.max(i, 0), SIDE - 1) * SIDE
      + Math.min(Math.max(j, 0), SIDE - 1)] / 16;
    const split = (k) => {
      const x = (k + 0.5) * SIDE / size - 0.5;
      return [Math.floor(x), x - Math.floor(x)];
    };
    return Float64Array.from({ length: size * size }, (_, k) => {
      const [i, u] = split(Math.floor(k / size)), [j, v] = split(k % size);
      return (1 - u) * ((1 - v) * at(i, j) + v * at(i, j + 1))
        + u * ((1 - v) * at(i + 1, j) + v * at(i + 1, j + 1));
    });
  }

  /** A digit under light from one of eight sides, as a convolution of 3 x 3 and a ReLU see it. */
  function lit(digit, way) {
    const at = (i, j) => (i >= 0 && j >= 0 && i < SIDE && j < SIDE ? digit[i * SIDE + j] / 16 : 0);
    const map = Float64Array.from({ length: SIDE * SIDE }, (_, k) => {
      let sum = 1.5 * digit[k] / 16;
      for (let turn = 0; turn < 8; turn++) {
        const a = turn * Math.PI / 4, i = Math.floor(k / SIDE) + Math.round(Math.sin(a));
        sum += Math.cos(a - way * Math.PI / 4) * at(i, k % SIDE + Math.round(Math.cos(a)));
      }
      return Math.max(sum, 0);
    });
    const top = Math.max(...map);
    return map.map((x) => x / top);
  }

  const digit = (n, { size }) => ({ rows: Number(size), columns: Number(size),
    ink: enlarged(minidrop.data.digits[n], Number(size)), place: null });

  /** Eight maps in two rows of four, a pixel apart. */
  function maps(n) {
    const rows = 2 * SIDE + 1, columns = 4 * SIDE + 3;
    const ink = new Float64Array(rows * columns), place = new Int32Array(rows * columns).fill(-1);
    for (let c = 0; c < CHANNELS; c++) {
      lit(minidrop.data.digits[n], c).forEach((value, k) => {
        const i = Math.floor(c / 4) * (SIDE + 1) + Math.floor(k / SIDE);
        const at = i * columns + (c % 4) * (SIDE + 1) + k % SIDE;
        ink[at] = value;
        place[at] = c;
      });
    }
    return { rows, columns, ink, place };
  }

  function weights(n, { size }) {
    const rows = size / 2, columns = Number(size);
    const values = minidrop.uniform(new Stream(0, "weights"), rows * columns);
    return { rows, columns, ink: values, place: null };
  }

  const shape = ({ size }) => [N, 1, Number(size), Number(size)];
  const plain = (s) => `(${shape(s).join(", ")})`;
  const spread = (p, n) => ["Standard deviation of a draw", Math.sqrt(p * (1 - p) / n)];

  /** Lines of Python for so many draws of `call`, of which `mask` makes the masks. */
  const lines = (s, [name, call, mask], ...more) => [
    "import numpy as np", "import minidrop as md", "", `rng = md.Stream(${s.seed})`,
    `${name} = [${call}`,
    `${" ".repeat(name.length + 4)}for _ in range(${s.draws})]`,
    ...(mask ? [`masks = [${mask} for x in ${name}]`] : []),
    "drawn = (~masks[-1]).mean()", "mean = (~np.array(masks)).mean()", ...more].join("\n");

  const bernoulli = (symbol, p) =>
    `${symbol} \\sim \\mathrm{Bernoulli}(1 - ${p} = ${number(1 - p)})`;

  const dropout = {
    controls: ["p", "size"], unit: "pixels",
    grid: ({ size }) => [Number(size), Number(size)],
    draw: (rng, s) => dropped(minidrop.dropout_mask(rng, shape(s), s.p)),
    map: ({ p, size }) => even(p, size * size),
    picture: digit,
    facts: (s) => [spread(s.p, N * s.size ** 2)],
    equations: ({ p }) => [["dropout.1", bernoulli("m_i", p)],
      ["dropout.2", p < 1 ? `y_i = m_i \\, x_i \\, / \\, ${number(1 - p)} = `
        + `${number(1 / (1 - p))} \\; m_i \\, x_i` : "y_i = 0 \\quad (p = 1)"]],
    python: (s) => lines(s, ["masks", `md.dropout_mask(rng, ${plain(s)}, p=${s.p})`],
      `expected = ${s.p}`),
    values: () => ({}),
  };

  const spatial = {
    controls: ["p"], unit: "maps",
    grid: () => [2, 4],
    draw: (rng, { p }) => dropped(
      minidrop.spatial_dropout_mask(rng, [N, CHANNELS, SIDE, SIDE], p)),
    map: ({ p }) => even(p, CHANNELS),
    picture: maps,
    facts: ({ p }) => [spread(p, N * CHANNELS)],
    equations: ({ p }) => [["spatial.1", bernoulli("m_{nc}", p)],
      ["spatial.4", `\\frac{${p} \\cdot ${number(1 - p)}}{${N} \\cdot ${CHANNELS}} = `
        + `${number(p * (1 - p) / N / CHANNELS, 6)}`]],
    python: (s) => lines(s,
      ["masks", `md.spatial_dropout_mask(rng, (${N}, ${CHANNELS}, ${SIDE}, ${SIDE}), p=${s.p})`],
      `expected = ${s.p}`, `variance = ${s.p} * (1 - ${s.p}) / (${N} * ${CHANNELS})`),
    values: ({ p }) => ({ variance: p * (1 - p) / (N * CHANNELS) }),
  };

  const dropblock = {
    controls: ["p", "block", "size"], unit: "pixels",
    grid: dropout.grid,
    draw(rng, s) {
      const seeds = minidrop.dropblock_seeds(rng, shape(s), s.p, s.block);
      return dropped(minidrop.dropblock_mask(seeds, shape(s), s.block));
    },
    map: ({ p, block, size }) => minidrop.dropblock_drop_map(p, block, Number(size), Number(size)),
    picture: digit,
    facts: (s) => [["Asked for: p", s.p], ["Rate of a seed, γ", number(rate(s), 6)]],
    equations(s) {
      const { p, block: b, size } = s, places = size - b + 1, map = dropblock.map(s);
      const gamma = number(rate(s), 6), highest = Math.max(...map);
      const power = Math.min(b, places) ** 2;
      return [["dropblock.1", `\\gamma = \\frac{${p}}{${b}^2} \\cdot `
          + `\\frac{${size} \\cdot ${size}}{${places} \\cdot ${places}} = ${gamma}`],
        ["dropblock.5", `\\text{corner: } 1 - (1 - ${gamma})^{1} = ${number(map[0])}, \\qquad `
          + `\\text{middle: } 1 - (1 - ${gamma})^{${power}} = ${number(highest)}`]];
    },
    python: (s) => lines(s, ["seeds", `md.dropblock_seeds(rng, ${plain(s)}, ${s.p}, ${s.block})`,
      `md.dropblock_mask(x, ${s.block})`],
      `rate = md.dropblock_rate(${s.p}, ${s.block}, ${s.size}, ${s.size})`,
      `exact = md.dropblock_drop_map(${s.p}, ${s.block}, ${s.size}, ${s.size})`,
      "expected = exact.mean()"),
    values: (s) => ({ rate: rate(s), exact: dropblock.map(s) }),
  };
  const rate = ({ p, block, size }) =>
    minidrop.dropblock_rate(p, block, Number(size), Number(size));

  const dropconnect = {
    controls: ["p", "size"], unit: "weights",
    grid: ({ size }) => [size / 2, Number(size)],
    draw: (rng, { p, size }) => dropped(
      minidrop.dropconnect_mask(rng, N, [size / 2, Number(size)], p)),
    map: ({ p, size }) => even(p, size * size / 2),
    picture: weights,
    facts: (s) => [spread(s.p, N * s.size ** 2 / 2)],
    equations: ({ p }) => [["dropconnect.1", bernoulli("M_{noi}", p)], ["dropconnect.2", ""]],
    python: (s) => lines(s,
      ["masks", `md.dropconnect_mask(rng, ${N}, (${s.size / 2}, ${s.size}), p=${s.p})`],
      `expected = ${s.p}`),
    values: () => ({}),
  };

  const cutout = {
    controls: ["length", "size"], unit: "pixels",
    grid: dropout.grid,
    draw(rng, { length, size }) {
      const side = Number(size), centers = minidrop.cutout_centers(rng, N, side, side);
      return dropped(minidrop.cutout_mask(centers, length, side, side));
    },
    map: ({ length, size }) => minidrop.cutout_drop_map(length, Number(size), Number(size)),
    picture: digit,
    facts: (s) => [["Area of a square, on average", area(s), `of ${s.length ** 2} pixels`]],
    equations(s) {
      const { length: l, size } = s, map = cutout.map(s);
      const side = `(${l} - ${Math.floor(l * l / 4)} / ${size})`;
      return [["cutout.4", `\\text{corner: } ${number(map[0])}, \\qquad \\text{middle: } `
        + `${number(Math.max(...map))}`],
      ["cutout.5", `\\mathbb{E}[A_n] = ${side} ${side} = ${number(area(s))}`]];
    },
    python: (s) => lines(s, ["centers", `md.cutout_centers(rng, ${N}, ${s.size}, ${s.size})`,
      `md.cutout_mask(x, ${s.length}, ${s.size}, ${s.size})`],
      `every = np.array(list(np.ndindex(${s.size}, ${s.size})))    # all centres`,
      `exact = (~md.cutout_mask(every, ${s.length}, ${s.size}, ${s.size})).mean((0, 1))`,
      "expected = exact.mean()", "area = exact.sum()"),
    values: (s) => ({ area: area(s), exact: cutout.map(s) }),
  };
  const area = ({ length, size }) => minidrop.cutout_area(length, Number(size), Number(size));

  const techniques = { dropout, spatial, dropblock, dropconnect, cutout };
  for (const technique of Object.values(techniques)) {
    technique.expected = (s) => mean(technique.map(s));
  }
  Object.assign(minidrop, { techniques, EXAMPLES: N });
})();

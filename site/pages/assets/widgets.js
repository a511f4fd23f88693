/* Widgets: <div data-widget="masks" data-technique="dropblock"></div> on any page.

   This file is on every page; the others are fetched only where there is a widget.  They are plain
   scripts and not modules, so that a copy of the site opened from a disk works too. */
(function () {
  "use strict";
  const assets = document.currentScript.src.replace(/widgets\.js.*$/, "");
  const FILES = ["widgets/sha256.js", "widgets/philox.js", "widgets/samplers.js",
    "../tables/widgets.js", "widgets/controls.js", "widgets/text.js", "widgets/paint.js",
    "widgets/frame.js", "widgets/techniques.js", "widgets/masks.js", "widgets/paths.js",
    "widgets/cycles.js", "widgets/targeted.js"];

  /** Fetch a script and wait for it. */
  const fetched = (file) => new Promise((done, failed) => {
    const script = document.createElement("script");
    Object.assign(script, { src: assets + file, async: false, onload: done, onerror: failed });
    document.head.append(script);
  });

  document.addEventListener("DOMContentLoaded", async () => {
    if (!document.querySelector("[data-widget]")) return;
    await Promise.all(FILES.map(fetched));
    minidrop.root = new URL("..", assets).href;
    minidrop.mount(document);
  });
})();

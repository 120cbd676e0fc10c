"use strict";
/* The reviewer's desk: shortcuts of one key, a picture to enlarge, turn and move, a running sum, reasons by outcome. */
(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const typing = (target) => target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]");

  /* Shortcuts */
  const keys = one("[data-keys]");
  const stored = "review-keys";
  let on = true;
  if (keys) {
    keys.hidden = false;
    const box = one("#keys-on");
    try { on = localStorage.getItem(stored) !== "off"; } catch { /* a browser that keeps nothing */ }
    box.checked = on;
    box.addEventListener("change", () => {
      on = box.checked;
      try { localStorage.setItem(stored, on ? "on" : "off"); } catch { /* as above */ }
    });
  }

  const go = (rel) => one(`a[rel=${rel}]`)?.click();
  const table = one("[data-queue]");
  const step = (by) => {
    const links = all("tbody th a", table);
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by;
    links[Math.max(0, Math.min(links.length - 1, next))]?.focus();
  };

  /* The picture */
  const images = all("[data-image]");
  const image = images[0];
  let scale = 1, turn = 0;
  const draw = () => images.forEach((image) => {
    image.style.width = `${scale * 100}%`;
    image.style.transform = `rotate(${turn}deg)`;
    /* A picture on its side is as high as it was wide: the box keeps room for it. */
    const side = turn % 180 !== 0 && image.naturalWidth && image.naturalHeight;
    const gap = side ? (image.clientWidth - image.clientHeight) / 2 : 0;
    image.style.margin = `${Math.max(0, gap)}px ${Math.max(0, -gap)}px`;
  });
  const deeds = {
    larger: () => { scale = Math.min(6, scale * 1.25); },
    smaller: () => { scale = Math.max(0.25, scale / 1.25); },
    turn: () => { turn = (turn + 90) % 360; },
    reset: () => { scale = 1; turn = 0; },
  };
  const does = (name) => { if (image) { deeds[name](); draw(); } };
  if (image) {
    one("[data-tools]").hidden = false;
    all("[data-do]").forEach((button) => button.addEventListener("click", () => does(button.dataset.do)));
    images.forEach((picture) => picture.addEventListener("load", draw));
  }
  const pictures = all(".shelf a");
  const show = (link) => {
    pictures.forEach((other) => other.removeAttribute("aria-current"));
    link.setAttribute("aria-current", "true");
    deeds.reset();
    image.src = link.dataset.picture;
    image.alt = link.textContent.trim();
    one("[data-whole]").href = link.dataset.picture;
  };
  /* From one picture to another nothing is loaded but the picture; a PDF has pages, and a page of its own. */
  const swaps = (link) => images.length === 1 && link.dataset.picture && one(".shelf a[aria-current][data-picture]");
  if (image) {
    pictures.forEach((link) => link.addEventListener("click", (event) => {
      if (swaps(link)) { event.preventDefault(); show(link); }
    }));
  }
  const along = (by) => {
    const at = pictures.findIndex((link) => link.hasAttribute("aria-current"));
    const link = pictures[at + by];
    if (link) { link.click(); }
  };

  /* The decision */
  const form = one("[data-judge]");
  const radios = form ? all("input[name=outcome], input[name=decision], input[name=resolution]", form) : [];
  const choose = (number) => {
    const radio = radios[number - 1];
    if (radio) { radio.checked = true; radio.dispatchEvent(new Event("change", { bubbles: true })); radio.focus(); }
  };
  const families = form ? all("[data-family]", form) : [];
  const chosen = () => radios.find((radio) => radio.checked)?.value;
  const fit = () => families.forEach((family) => {
    const fits = family.dataset.when === chosen();
    family.hidden = !fits;
    if (!fits) { all("input[name=reasons]", family).forEach((box) => { box.checked = false; }); }
  });
  if (form) {
    radios.forEach((radio) => radio.addEventListener("change", fit));
    fit();
    families.forEach((family) => {
      const find = one("[data-find]", family);
      one(".finder", family).hidden = false;
      find.addEventListener("input", () => all(".option", family).forEach((option) => {
        option.hidden = !option.textContent.includes(find.value.trim()) && !one("input", option).checked;
      }));
      find.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); } });
    });
    const lines = all("[data-line]", form);
    const sum = one("[data-sum]", form);
    const fen = (text) => {
      const plain = text.replace(/[¥￥,，\s元]/g, "");
      return /^\d+(\.\d{1,2})?$/.test(plain) ? Math.round(Number(plain) * 100) : null;
    };
    const add = () => {
      const read = lines.map((line) => fen(line.value));
      sum.textContent = read.includes(null) ? "—" : `¥${(read.reduce((a, b) => a + b, 0) / 100).toFixed(2)}`;
    };
    if (sum) { lines.forEach((line) => line.addEventListener("input", add)); add(); }
    document.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(one("button[value=next]", form)); }
      if (event.key === "Escape" && form.contains(event.target)) { event.target.blur(); }
    });
    /* Enter goes to the next entry: a decision is never sent by the way. */
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.ctrlKey || event.metaKey || !event.target.matches("input")) { return; }
      event.preventDefault();
      const fields = all("input:not([type=hidden]), textarea, button", form).filter((field) => field.offsetParent);
      fields[fields.indexOf(event.target) + 1]?.focus();
    });
  }

  document.addEventListener("keydown", (event) => {
    if (!on || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) { return; }
    const deed = {
      j: () => (table ? step(1) : go("next")),
      k: () => (table ? step(-1) : go("prev")),
      1: () => choose(1), 2: () => choose(2), 3: () => choose(3),
      n: () => along(1), b: () => along(-1),
      "+": () => does("larger"), "=": () => does("larger"), "-": () => does("smaller"), 0: () => does("reset"),
      r: () => does("turn"),
      e: () => (form ? one("[data-line], input[type=text], input:not([type])", form)?.focus() : undefined),
    }[event.key];
    if (deed) { event.preventDefault(); deed(); }
  });
})();

"use strict";
/* Says how many claims are ticked and what they come to. */
(() => {
  const form = document.querySelector("[data-draw]");
  const told = form && form.querySelector("[data-chosen]");
  if (!told) { return; }
  const boxes = [...form.querySelectorAll("[data-fen]")];
  const say = () => {
    const chosen = boxes.filter((box) => box.checked);
    const fen = chosen.reduce((sum, box) => sum + Number(box.dataset.fen), 0);
    told.textContent = `${chosen.length} · ¥${(fen / 100).toLocaleString("en-US", { minimumFractionDigits: 2 })}`;
  };
  form.addEventListener("change", say);
  say();
})();

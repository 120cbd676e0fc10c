"use strict";
/* A line chosen from a list stands selected in the text itself; without this the numbered view shows it. */
(() => {
  const text = document.querySelector("textarea#text");
  const select = (number) => {
    const lines = text.value.split("\n");
    const start = lines.slice(0, number - 1).reduce((sum, line) => sum + line.length + 1, 0);
    text.focus();
    text.setSelectionRange(start, start + (lines[number - 1] || "").length);
    text.scrollTop = (number - 3) * parseFloat(getComputedStyle(text).lineHeight);
  };
  document.querySelectorAll("a[data-line]").forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    select(Number(link.dataset.line));
  }));
})();

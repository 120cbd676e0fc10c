/* A grid of marks: Enter and the arrows move, a block from a spreadsheet fills it. The server judges. */
(function () {
  "use strict";
  function each(list, act) { Array.prototype.forEach.call(list, act); }
  function rowsOf(form) {
    var rows = [];
    each(form.querySelectorAll("tbody tr"), function (line) {
      var cells = Array.prototype.slice.call(line.querySelectorAll("td, th"));
      var inputs = cells.map(function (cell) { return cell.querySelector("input.grid-cell"); });
      if (inputs.some(Boolean)) { rows.push({ key: line.getAttribute("data-key") || "", inputs: inputs }); }
    });
    return rows;
  }
  function placeOf(rows, input) {
    for (var row = 0; row < rows.length; row += 1) {
      var column = rows[row].inputs.indexOf(input);
      if (column >= 0) { return { row: row, column: column }; }
    }
    return null;
  }
  function next(rows, from, down, right) {
    var row = from.row + down, column = from.column + right;
    while (rows[row] && column >= 0 && column < rows[row].inputs.length) {
      if (rows[row].inputs[column]) { return rows[row].inputs[column]; }
      row += down; column += right;
    }
    return null;
  }
  /* In a mark of three digits nobody walks with the arrows; in a long number one does. */
  function atEdge(input, right) {
    if (input.value.length <= 3) { return true; }
    var start = input.selectionStart, end = input.selectionEnd;
    var whole = start === 0 && end === input.value.length;
    return whole || (start === end && start === (right > 0 ? input.value.length : 0));
  }
  function moved(event, rows) {
    var from = placeOf(rows, event.target), key = event.key, target = null;
    if (!from || event.isComposing || event.altKey || event.ctrlKey || event.metaKey) { return; }
    if (key === "Enter" || key === "ArrowDown") { target = next(rows, from, 1, 0); }
    if (key === "ArrowUp") { target = next(rows, from, -1, 0); }
    if (key === "ArrowRight" && atEdge(event.target, 1)) { target = next(rows, from, 0, 1); }
    if (key === "ArrowLeft" && atEdge(event.target, -1)) { target = next(rows, from, 0, -1); }
    /* Enter never sends the sheet by accident. */
    if (target || key === "Enter") { event.preventDefault(); }
    if (target) { target.focus(); target.select(); }
  }
  function tidy(text) {
    return text.trim().replace(/[\uFF10-\uFF19]/g, function (wide) { return String.fromCharCode(wide.charCodeAt(0) - 0xFEE0); });
  }
  function fill(row, column, values) {
    var filled = 0;
    each(values, function (value, step) {
      var input = row && row.inputs[column + step];
      if (input) { input.value = tidy(value); filled += 1; }
    });
    return filled > 0;
  }
  function pasted(event, rows, form) {
    var from = placeOf(rows, event.target);
    var text = (event.clipboardData || window.clipboardData).getData("text");
    if (!from || !/[\t\n]/.test(text.trim())) { return; }
    event.preventDefault();
    var byKey = {}, filled = 0, lines = text.replace(/\r/g, "").replace(/\n+$/, "").split("\n");
    each(rows, function (row) { byKey[row.key] = row; });
    each(lines, function (line, step) {
      var values = line.split("\t"), known = byKey[tidy(values[0])];
      filled += fill(known || rows[from.row + step], from.column, known ? values.slice(1) : values) ? 1 : 0;
    });
    var told = form.querySelector("[data-pasted]");
    if (told) { told.textContent = filled + " / " + lines.length; }
  }
  each(document.querySelectorAll("form[data-grid]"), function (form) {
    var rows = rowsOf(form);
    form.addEventListener("keydown", function (event) { moved(event, rows); });
    form.addEventListener("paste", function (event) { pasted(event, rows, form); });
    form.addEventListener("focusin", function (event) { if (event.target.classList.contains("grid-cell")) { event.target.select(); } });
  });
}());

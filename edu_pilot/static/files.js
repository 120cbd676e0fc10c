/* A chosen picture is shown at once and made smaller before it is sent; without this it is sent as it is. */
(function () {
  "use strict";
  var SIDE = 1600;
  var LARGE = 1024 * 1024;

  function thumbnail(input, source) {
    var old = input.parentNode.querySelector("img.chosen");
    var picture = old || document.createElement("img");
    picture.className = "chosen";
    picture.alt = "";
    picture.src = source;
    if (!old) { input.before(picture); }
  }

  function drawn(bitmap, side) {
    var scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
    var canvas = document.createElement("canvas");
    canvas.width = Math.round(bitmap.width * scale);
    canvas.height = Math.round(bitmap.height * scale);
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  function chosen(input) {
    var file = input.files[0];
    if (!file || !/^image\//.test(file.type) || !window.createImageBitmap) { return; }
    window.createImageBitmap(file).then(function (bitmap) {
      thumbnail(input, drawn(bitmap, 192).toDataURL("image/jpeg", 0.8));
      if (file.size <= LARGE || !window.DataTransfer) { return; }
      drawn(bitmap, SIDE).toBlob(function (blob) {
        if (!blob || blob.size >= file.size) { return; }
        var smaller = new DataTransfer();
        smaller.items.add(new File([blob], file.name.replace(/\.\w+$/, "") + ".jpg", { type: "image/jpeg" }));
        input.files = smaller.files;
      }, "image/jpeg", 0.85);
    }).catch(function () { /* not a picture after all: the server says so */ });
  }

  document.addEventListener("change", function (event) {
    if (event.target.type === "file") { chosen(event.target); }
  });
}());

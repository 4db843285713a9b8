// Draws the API reference in fonts that the reader's machine has: none is fetched from elsewhere.
const place = document.getElementById("redoc");
const fontFamily = "system-ui, sans-serif";
const options = {
  hideDownloadButton: false,
  theme: { typography: { fontFamily, headings: { fontFamily }, code: { fontFamily: "ui-monospace, monospace" } } },
};
window.Redoc.init(place.dataset.schema, options, place);

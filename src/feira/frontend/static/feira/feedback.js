// Tell which result of a search was opened, without holding up the way to it: the browser sends this on by itself.
const form = document.getElementById("like-form");

const opened = (event) => {
  if (event.button > 1) return;
  const link = event.target.closest?.(".listing-card a[href]");
  const thumbs = link?.closest("li")?.querySelector(".thumbs[data-query]");
  const place = thumbs?.closest("[data-position]")?.dataset.position;
  if (!place || !form?.dataset.clickUrl) return;
  const sent = new FormData();
  sent.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  sent.set("query", thumbs.dataset.query);
  sent.set("listing", thumbs.dataset.listing);
  sent.set("position", place);
  navigator.sendBeacon(form.dataset.clickUrl, sent);
};
document.addEventListener("click", opened, { capture: true });
document.addEventListener("auxclick", opened, { capture: true });

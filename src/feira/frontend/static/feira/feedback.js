// Tell which result of a search was opened, without holding up the way to it: the browser sends this on by itself.
const form = document.getElementById("like-form");

const opened = (event) => {
  if (event.button > 1) return;
  const link = event.target.closest?.("a[href]");
  const thumbs = link?.closest("li, article")?.querySelector(".thumbs[data-query]");
  if (!thumbs || !form?.dataset.clickUrl) return;
  const all = [...document.querySelectorAll(".thumbs[data-query]")];
  const sent = new FormData();
  sent.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  sent.set("query", thumbs.dataset.query);
  sent.set("listing", thumbs.dataset.listing);
  sent.set("position", thumbs.dataset.position || String(all.indexOf(thumbs) + 1));
  navigator.sendBeacon(form.dataset.clickUrl, sent);
};
document.addEventListener("click", opened, { capture: true });
document.addEventListener("auxclick", opened, { capture: true });

// The page that answers are handed in to. What comes from outside goes in as text, never as markup.
const part = (id) => document.getElementById(id);
const LARGEST = 200000;

async function count() {
  try {
    const got = await (await fetch("/count")).json();
    part("title").textContent = got.title;
    for (const name of ["seats", "of", "answers"]) part(name).textContent = String(got[name]);
    part("fill").style.width = `${got.of ? (100 * got.seats) / got.of : 0}%`;
  } catch {
    // It is tried again; handing in says what is wrong.
  }
}

function say(text, well) {
  part("said").textContent = text;
  part("said").className = well ? "well" : "ill";
}

async function handIn() {
  const [file] = part("file").files;
  const text = part("text").value.trim();
  if (!file && !text) return say("Choose the file of your answers, or paste the text of the QR code.", false);
  if (file && file.size > LARGEST) return say("This is no file of answers: it is too large.", false);
  try {
    // Only letters and digits can be in a header; the rest is no sign of a code.
    const code = part("code").value.replace(/[^0-9A-Za-z]/g, "");
    const got = await fetch("/answers", { method: "POST", headers: { "X-Survey-Code": code }, body: file ?? text });
    const said = await got.json();
    if (!got.ok) return say(said.error, false);
    const before = { new: "", replaced: ", more than before", already: ", which were there before" }[said.kept];
    await count();
    say(`Handed in: ${said.answers} of ${said.questions} answers of the seat ${said.seat}${before}.`, true);
    part("file").value = part("text").value = "";
  } catch {
    say("Nothing answers: is the page still open on the other computer?", false);
  }
}

part("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  part("send").disabled = true;
  await handIn();
  part("send").disabled = false;
});
count();
setInterval(count, 2000);

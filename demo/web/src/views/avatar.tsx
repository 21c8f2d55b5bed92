/** A person without a picture: initials on a colour of their own. */

export function Avatar({ name, seed }: { name: string; seed: string }) {
  return (
    <div class="avatar" style={{ "--hue": String(hueOf(seed)) }} aria-hidden="true">
      {initialsOf(name)}
    </div>
  );
}

function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = [words[0], words.length > 1 ? words[words.length - 1] : undefined].map((word) => firstLetter(word ?? ""));
  return letters.join("").toUpperCase() || "?";
}

/** What a reader takes for one letter: an emoji or an accented letter can be several code points. */
function firstLetter(word: string): string {
  if (typeof Intl.Segmenter === "undefined") return [...word][0] ?? "";
  const [letter] = new Intl.Segmenter().segment(word);
  return letter?.segment ?? "";
}

function hueOf(seed: string): number {
  // FNV-1a, so that names which differ in one letter get colours far apart.
  let hash = 2166136261;
  for (const character of seed) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) >>> 0;
  return Math.floor((hash / 2 ** 32) * 360);
}

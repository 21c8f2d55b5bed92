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
  const letters = [words[0], words.length > 1 ? words[words.length - 1] : undefined].map((word) => [...(word ?? "")][0] ?? "");
  return letters.join("").toUpperCase() || "?";
}

function hueOf(seed: string): number {
  let hash = 0;
  for (const character of seed) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return hash % 360;
}

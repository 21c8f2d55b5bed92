/** Where the tiles go: the biggest that fit, whatever the window. All sizes in CSS pixels. */

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Camera tiles may be cropped between these shapes; outside of them faces get lost. */
const WIDEST = 16 / 9;
const NARROWEST = 4 / 3;
/** On an upright phone a tall tile wastes less. */
const NARROWEST_UPRIGHT = 3 / 4;
const GAP = 10;

/**
 * Boxes for `count` tiles of equal size that fill `area` best; an incomplete last row is centred.
 *
 * Every number of columns is tried, and the one with the largest tiles wins.
 */
export function gridLayout(count: number, area: Box, narrowest = narrowestIn(area)): Box[] {
  if (count === 0 || area.width <= 0 || area.height <= 0) return [];
  let best = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (area.width - GAP * (columns - 1)) / columns;
    const cellHeight = (area.height - GAP * (rows - 1)) / rows;
    if (cellWidth <= 0 || cellHeight <= 0) continue;
    const width = Math.min(cellWidth, cellHeight * WIDEST);
    const height = Math.min(cellHeight, width / narrowest);
    if (width * height > best.width * best.height) best = { columns, width, height };
  }
  return placeRows(count, best, area);
}

/** One big area for what is presented, and a strip of small tiles beside it (below it on an upright screen). */
export function stageLayout(stageCount: number, stripCount: number, area: Box): { stage: Box[]; strip: Box[] } {
  if (stripCount === 0) return { stage: gridLayout(stageCount, area), strip: [] };
  const upright = area.height > area.width;
  const size = upright ? Math.min(area.height * 0.3, 200) : Math.min(area.width * 0.24, 300);
  const stageArea = upright
    ? { ...area, height: area.height - size - GAP }
    : { ...area, width: area.width - size - GAP };
  const stripArea = upright
    ? { ...area, y: area.y + stageArea.height + GAP, height: size }
    : { ...area, x: area.x + stageArea.width + GAP, width: size };
  return { stage: gridLayout(stageCount, stageArea), strip: gridLayout(stripCount, stripArea, NARROWEST) };
}

function narrowestIn(area: Box): number {
  return area.height > area.width ? NARROWEST_UPRIGHT : NARROWEST;
}

function placeRows(count: number, tile: { columns: number; width: number; height: number }, area: Box): Box[] {
  const { columns, width, height } = tile;
  const rows = Math.ceil(count / columns);
  const top = area.y + (area.height - rows * height - GAP * (rows - 1)) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const left = area.x + (area.width - inRow * width - GAP * (inRow - 1)) / 2;
    return { x: left + (index % columns) * (width + GAP), y: top + row * (height + GAP), width, height };
  });
}

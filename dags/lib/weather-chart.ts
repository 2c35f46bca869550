export interface Day {
  readonly day: number;
  readonly low: number;
  readonly high: number;
  readonly rain: number;
}

const [width, height, margin] = [640, 240, 32];

/** Temperatures as a bar from low to high for each day, rain from the bottom up. An SVG document as text. */
export function weatherChart(title: string, days: readonly Day[]): string {
  const coldest = Math.min(0, ...days.map(({ low }) => low));
  const warmest = Math.max(0, ...days.map(({ high }) => high));
  const wettest = Math.max(1, ...days.map(({ rain }) => rain));
  const x = (day: number): string => (margin + ((day - 0.8) / 31) * (width - 2 * margin)).toFixed(1);
  const y = (degrees: number): string =>
    (height - margin - ((degrees - coldest) / (warmest - coldest || 1)) * (height - 2 * margin)).toFixed(1);
  const bar = (day: number, top: number | string, bottom: number | string, colour: string): string =>
    `<path d="M${x(day)} ${bottom}V${top}" stroke="${colour}" stroke-width="11"/>`;

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<text x="${margin}" y="20">${title}</text>`,
    ...days.map(({ day, rain }) => bar(day, (height - margin - (rain / wettest) * 60).toFixed(1), height - margin, '#9cc4e4')),
    ...days.map(({ day, low, high }) => bar(day, y(high), y(low), '#e8833a')),
    `<path d="M${margin} ${y(0)}H${width - margin}" stroke="#888"/>`,
    `<text x="4" y="${y(warmest)}">${warmest}°</text><text x="4" y="${y(coldest)}">${coldest}°</text>`,
    '</svg>',
  ].join('\n');
}

// Durations as people write them: 30, "30s", "2h15m", "1d" → seconds.

const units: Record<string, number> = {d: 86_400, h: 3600, m: 60, s: 1};

/** Whole seconds, or null if the text is no duration. */
export function parseDuration(text: string): number | null {
  if (/^\d+$/.test(text)) return Number(text);
  if (!/^(\d+d)?(\d+h)?(\d+m)?(\d+s)?$/.test(text) || text === '') return null;
  const parts = text.match(/\d+[dhms]/g) ?? [];
  return parts.reduce((total, part) => total + Number(part.slice(0, -1)) * (units[part.slice(-1)] ?? 0), 0);
}

/** 8100 → "2h15m" */
export function formatDuration(seconds: number): string {
  if (seconds === 0) return '0s';
  let left = seconds;
  const parts = Object.entries(units).map(([unit, size]) => {
    const count = Math.floor(left / size);
    left -= count * size;
    return count > 0 ? `${count}${unit}` : '';
  });
  return parts.join('');
}

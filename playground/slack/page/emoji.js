// The emoji that bots in this house use, by Slack's names. An unknown name stays as it was written.

const TABLE = {
  "+1": "👍", "-1": "👎", alarm_clock: "⏰", arrow_down: "⬇️", arrow_right: "➡️", arrow_up: "⬆️", arrow_upper_right: "↗️", left_right_arrow: "↔️", arrows_counterclockwise: "🔄",
  bar_chart: "📊", bell: "🔔", blue_circle: "🔵", large_blue_circle: "🔵", large_green_circle: "🟢", green_circle: "🟢",
  large_orange_circle: "🟠", large_yellow_circle: "🟡", red_circle: "🔴", white_circle: "⚪", black_circle: "⚫",
  busts_in_silhouette: "👥", bust_in_silhouette: "👤", chart_with_upwards_trend: "📈", chart_with_downwards_trend: "📉",
  bulb: "💡", calendar: "📅", card_file_box: "🗃️", clipboard: "📋", construction: "🚧", ear: "👂", eyes: "👀", fast_forward: "⏩", fire: "🔥", gear: "⚙️",
  grey_question: "❔", question: "❓", exclamation: "❗", heavy_check_mark: "✔️", heavy_multiplication_x: "✖️",
  hourglass: "⌛", hourglass_flowing_sand: "⏳", information_source: "ℹ️", key: "🔑", leftwards_arrow_with_hook: "↩️",
  link: "🔗", lock: "🔒", closed_lock_with_key: "🔐", unlock: "🔓", mag: "🔍", memo: "📝", no_entry: "⛔", no_entry_sign: "🚫", octagonal_sign: "🛑",
  package: "📦", page_facing_up: "📄", pause_button: "⏸️", double_vertical_bar: "⏸️", arrow_forward: "▶️", black_square_for_stop: "⏹️",
  raised_hand: "✋", raised_hands: "🙌", repeat: "🔁", rewind: "⏪", robot_face: "🤖", rocket: "🚀", rotating_light: "🚨",
  satellite: "🛰️", scales: "⚖️", shield: "🛡️", snowflake: "❄️", sparkles: "✨", speech_balloon: "💬", stopwatch: "⏱️", tada: "🎉",
  test_tube: "🧪", thumbsup: "👍", thumbsdown: "👎", traffic_light: "🚦", twisted_rightwards_arrows: "🔀", warning: "⚠️", wave: "👋",
  white_check_mark: "✅", ballot_box_with_check: "☑️", wrench: "🔧", x: "❌", zap: "⚡", zzz: "💤", heart: "❤️", slightly_smiling_face: "🙂",
};

/** The character of an emoji name without colons, or null. */
export const emoji = (name) => (Object.hasOwn(TABLE, name) ? TABLE[name] : null);

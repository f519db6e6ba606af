/** All words of the page in German, with the keys and `{names}` of `words.en.js`. */
export const words = {
  // The frame
  skip_to_tray: "Zu den zu sortierenden Bildern springen",
  project_label: "Projekt {name}: ein anderes öffnen oder ein neues anlegen",
  to_classes: "Klassen ({n})",
  undo: "Rückgängig",
  undo_keys: "Strg+Z",
  redo: "Wiederholen",
  redo_keys: "Strg+Umschalt+Z",
  done_undo: "Rückgängig gemacht: {edit}",
  done_redo: "Wiederholt: {edit}",
  download: "Herunterladen",
  saved: "Gespeichert",
  saving: "Wird gespeichert …",
  not_saved: { one: "{n} Änderung ist noch nicht gespeichert", other: "{n} Änderungen sind noch nicht gespeichert" },
  sent_late: {
    one: "{n} Änderung, die gewartet hatte, ist jetzt gespeichert.",
    other: "{n} Änderungen, die gewartet hatten, sind jetzt gespeichert.",
  },
  left_elsewhere: {
    one: "{n} Änderung an diesem Projekt ist nicht gespeichert: Dieser Browser bewahrt sie an einer früheren Adresse dieser Seite auf.",
    other: "{n} Änderungen an diesem Projekt sind nicht gespeichert: Dieser Browser bewahrt sie an einer früheren Adresse dieser Seite auf.",
  },
  left_elsewhere_send: "Diese Adresse öffnen; dann wird gespeichert.",
  left_elsewhere_else: "Wenn sie nicht antwortet, beenden Sie metaadapter, und starten Sie es mit --port {port}.",
  history: "Verlauf",
  history_title: "Was getan wurde",
  history_empty: "Noch nichts.",
  own_name: "Ihr Name",
  own_name_words: "Andere, die in diesem Projekt arbeiten, sehen ihn bei Ihren Änderungen. Dieser Browser merkt ihn sich.",
  done_by: "{by}: {done}",
  somebody: "Jemand anderes",
  overruled: {
    one: "{by} hat ein Bild anders zugeordnet, das Sie zugeordnet hatten: {done}.",
    other: "{by} hat {n} Bilder anders zugeordnet, die Sie zugeordnet hatten: {done}.",
  },
  close: "Schließen",
  footer: "Alles bleibt auf diesem Rechner, in {folder}. Der Encoder {encoder} liest die Bilder.",
  language: "Sprache",
  quoted: "„{name}“",

  // Several labels a picture
  several: "Ein Bild kann mehrere Klassen zeigen",
  several_words: "Zum Beispiel einen Fuchs und Schnee. Jede Klasse hat dann ihre eigene Schwelle; Rahmen, Serien und Hinweise gibt es nur mit einer Klasse je Bild.",
  chip_add: "Sagen, dass es {name} zeigt.",
  chip_remove: "Sagen, dass es {name} nicht zeigt.",
  chip_below: "(unter der Schwelle)",
  chip_rather: "(nach den übrigen Beispielen)",
  chip_threshold: "Die Schwelle ist {probability}.",
  turned: { one: "Es zeigt: {names}. Noch {left} zu sortieren.", other: "{name} bei {n} Bildern geändert. Noch {left} zu sortieren." },
  shows: "Es zeigt",
  show_selected: { one: "Es zeigt", other: "{n} Bilder zeigen" },
  next_correct_several:
    "Eingabe bestätigt eine Antwort. Die Schaltflächen oder Nummern der Klassen fügen eine Klasse hinzu oder nehmen sie weg; 0 heißt keine davon. Jede Zuordnung verbessert die übrigen Antworten.",
  tray_keys_several:
    "Tasten: Pfeile bewegen. 1 bis 9 fügen eine Klasse hinzu oder nehmen sie weg, C findet jede Klasse, 0 heißt keine davon. Eingabe nimmt die Antwort an und geht weiter. Leertaste wählt aus, Umschalt mit Pfeilen wählt mehrere, A wählt die Gruppe. V vergrößert, B nimmt die Zuordnung zurück, Entf entfernt.",
  picture_keys_several: "Tasten: 1 bis 9 fügen eine Klasse hinzu oder nehmen sie weg; Eingabe und 0 ordnen zu und gehen weiter; ← und → zeigen die Nachbarn; C findet eine Klasse; Esc schließt.",
  download_several: "Jede Klasse hat ihre eigene Schwelle; ein Bild unter allen Schwellen zeigt keine der Klassen.",
  download_labels: "Ihre Zuordnungen als Tabelle",
  download_labels_words: "Für metaadapter adapt --several: eine CSV-Datei mit den Klassen jedes zugeordneten Bildes.",

  // Errors of the server
  server_gone:
    "metaadapter antwortet nicht. Was die Seite als gespeichert zeigte, ist gespeichert. Starten Sie metaadapter neu: Diese Seite wartet darauf und sendet dann, was Sie inzwischen tun.",
  other_program:
    "An der Adresse dieser Seite antwortet ein anderes Programm, denn metaadapter ist beendet. Starten Sie metaadapter neu und öffnen Sie die Adresse, die es ausgibt. Lassen Sie diese Seite offen: Sie sendet ihre Änderungen, sobald das andere Programm beendet ist.",
  no_permission:
    "Diese Seite hat eine alte Adresse. Öffnen Sie die Adresse, die metaadapter beim Start ausgegeben hat; dann geht es auch auf dieser Seite weiter.",
  leaving_with_changes: {
    one: "{n} Änderung ist noch nicht gespeichert. Dieser Browser behält sie und sendet sie, wenn Sie die Seite des Projekts wieder öffnen.",
    other: "{n} Änderungen sind noch nicht gespeichert. Dieser Browser behält sie und sendet sie, wenn Sie die Seite des Projekts wieder öffnen.",
  },
  leaving_with_uploads: "Es werden noch Bilder hinzugefügt. Was noch fehlt, müssten Sie erneut auswählen.",

  // A project that cannot be opened
  not_opened: "Das Projekt ist nicht geöffnet",
  repair: "Reparieren",
  repair_words: "Reparieren behält jede Änderung vor dem Schaden. Was von den beschädigten Dateien übrig ist, kommt in den Ordner leftovers des Projekts.",
  try_again: "Noch einmal versuchen",

  // Progress
  work_label: "Fortschritt",
  uploading: { one: "Ein Bild wird hinzugefügt", other: "{n} Bilder werden hinzugefügt" },
  uploading_then: "vor den Rahmen in {names}",
  working: "Bilder werden gelesen: {done} von {total}",
  per_second: "{speed} je Sekunde",
  time_left: "noch etwa {left}",
  seconds: { one: "eine Sekunde", other: "{n} Sekunden" },
  minutes: { one: "eine Minute", other: "{n} Minuten" },
  stop: "Anhalten",
  go_on: "Weitermachen",
  stopped: {
    one: "Angehalten. Ein Bild ist noch nicht gelesen und hat keine Antwort.",
    other: "Angehalten. {n} Bilder sind noch nicht gelesen und haben keine Antworten.",
  },

  // The first screen
  welcome_title: "Zeigen Sie ein paar Bilder. Der Rest wird sortiert.",
  step_1: "Benennen Sie die Klassen",
  step_1_words: "Eine Klasse ist eine Art von Dingen, zum Beispiel Hüte oder Schuhe.",
  step_2: "Geben Sie jeder Klasse ein paar Bilder",
  step_2_words: "Eines genügt, um zu beginnen. Drei bis fünf sind besser.",
  step_3: "Fügen Sie die zu sortierenden Bilder hinzu",
  step_3_words: "Jedes Bild erhält sofort eine Antwort. Jede Berichtigung verbessert die anderen.",
  welcome_class_1: "Erste Klasse",
  welcome_class_2: "Zweite Klasse",
  welcome_example_1: "zum Beispiel Hut",
  welcome_example_2: "zum Beispiel Schuhe",
  welcome_begin: "Beginnen",
  welcome_or: "oder",
  welcome_drop:
    "Ziehen Sie Ordner hierher: für jede Klasse einen Ordner mit Bildern, oder eine Zip-Datei mit solchen Ordnern.",
  welcome_choose: "Ordner auswählen",
  welcome_promise: "Ihre Bilder bleiben auf diesem Rechner. Es wird nichts anderswohin gesendet.",

  // The next step
  next_first_class: "Als Nächstes: Legen Sie eine Klasse an. Ihr Name sagt, was ihre Bilder zeigen.",
  next_second_class:
    "Als Nächstes: Legen Sie eine zweite Klasse an, für Bilder, die nicht „{name}“ zeigen.",
  next_pictures:
    "Als Nächstes: Fügen Sie ein paar Bilder von „{name}“ hinzu. Drei bis fünf sind ein guter Anfang.",
  next_tray:
    "Als Nächstes: Fügen Sie die zu sortierenden Bilder hinzu. Jedes Bild erhält sofort eine Antwort.",
  next_wait: "Die ersten Antworten kommen gleich.",
  next_correct:
    "Die Eingabetaste bestätigt eine Antwort. Bei einer falschen drücken Sie die Nummer ihrer Klasse, oder 0 für keine von diesen. Jede Zuordnung verbessert die anderen Antworten.",

  // Classes
  classes_title: "Klassen",
  add_folders: "Ordner hinzufügen",
  new_class_label: "Name einer neuen Klasse",
  new_class_placeholder: "Name einer neuen Klasse",
  new_class: "Klasse anlegen",
  class_added: "Neue Klasse: {name}.",
  class_name_label: "Name der Klasse {name}",
  description_label: "Beschreibung von {name}",
  description_placeholder: "Wie es aussieht, falls der Name es nicht sagt",
  n_pictures: { one: "{n} Bild", other: "{n} Bilder" },
  n_classes: { one: "{n} Klasse", other: "{n} Klassen" },
  show_answered: {
    one: "{n} Bild mit der Antwort {name} zeigen",
    other: "Die {n} Bilder mit der Antwort {name} zeigen",
  },
  search_classes: "Klasse suchen",
  no_class_found: "Keine Klasse heißt so.",
  class_empty: "Ziehen Sie Bilder hierher",
  class_add: "Bilder hinzufügen",
  class_remove: "Klasse entfernen",
  of_class: "{what}: {name}",
  show_all: { one: "Das Bild zeigen", other: "Alle {n} zeigen" },
  show_fewer: "Weniger zeigen",
  example_doubted: "{file}. Ohne dieses Beispiel wäre die Antwort {name}, {probability}.",

  // Uploads
  add_pictures: "Bilder hinzufügen",
  add_folder: "Ordner hinzufügen",
  folders_title: "Sind die Ordner nach Klassen benannt?",
  folders_question:
    "Sie haben {names} hinzugefügt. Aus jedem Ordner kann eine Klasse werden, mit seinen Bildern als Beispielen. Oder alle Bilder kommen zu den zu sortierenden.",
  folders_yes: "Aus jedem Ordner eine Klasse machen",
  folders_no: "Unsortiert hinzufügen",
  added: { one: "{n} Bild hinzugefügt.", other: "{n} Bilder hinzugefügt." },
  added_in_part: {
    one: "Nicht fertig geworden: {n} Bild hinzugefügt.",
    other: "Nicht fertig geworden: {n} Bilder hinzugefügt.",
  },
  known_already: { one: "{n} Bild war schon da.", other: "{n} Bilder waren schon da." },
  not_added: {
    one: "{n} Datei konnte nicht hinzugefügt werden.",
    other: "{n} Dateien konnten nicht hinzugefügt werden.",
  },
  no_picture: "Das ist weder ein Bild noch eine Zip-Datei.",
  and_more: "und {n} weitere",
  camera: "Kamera",
  camera_waiting: "Erlauben Sie dieser Seite, die Kamera zu benutzen: Der Browser fragt Sie danach.",
  camera_class: "Bilder zuordnen zu",
  camera_device: "Kamera",
  camera_no_answer: "Hier steht die Antwort, sobald zwei Klassen je ein Bild haben.",
  camera_ready:
    "Drücken Sie den Knopf oder die Leertaste für ein Bild, halten Sie sie gedrückt für fünf in der Sekunde. Drehen Sie das Ding dabei: Aus verschiedenen Bildern lernt der Klassifikator am meisten.",
  camera_shoot: "Bild aufnehmen",
  camera_taken: { one: "{n} Bild aufgenommen.", other: "{n} Bilder aufgenommen." },
  camera_refused:
    "Der Browser erlaubt dieser Seite nicht, die Kamera zu benutzen. Ändern Sie das in den Einstellungen des Browsers für diese Adresse.",
  camera_none: "Dieser Rechner hat keine Kamera.",

  // A phone
  phone_use: "Ein Telefon als Kamera benutzen",
  phone_title: "Bilder von einem Telefon",
  phone_off:
    "Telefone sind nicht zugelassen. Beenden Sie metaadapter in seinem Terminal mit Strg-C, und starten Sie es neu mit: metaadapter serve --phone",
  phone_scan:
    "Lesen Sie diesen Code mit der Kamera eines Telefons im selben Netz, oder geben Sie die Adresse dort ein.",
  phone_code: "Die Adresse als Code zum Einlesen",
  phone_warning:
    "Wer die Adresse hat, kann Bilder hinzufügen und Antworten sehen. Die Verbindung ist nicht verschlüsselt: Benutzen Sie sie nur in einem Netz, dem Sie vertrauen.",
  phone_only_ask: "Nur die Antwort zeigen, nichts behalten",
  phone_choose: "Bilder auswählen",
  phone_pictures: "Bilder und ihre Antworten, die neuesten zuerst",
  phone_added: "Hinzugefügt zu: {name}",

  // The tray
  tray_title: "Zu sortierende Bilder",
  tray_label: "Bilder mit ihren Antworten",
  tray_empty:
    "Ziehen Sie Bilder, einen Ordner oder eine Zip-Datei hierher, oder fügen Sie ein Bild aus der Zwischenablage ein.",
  filter_empty: "Kein Bild passt zu diesem Filter.",
  elsewhere:
    "Diese Bilder stammen anscheinend von anderswo als Ihre Beispiele (andere Kamera, anderer Stil, andere Jahreszeit), oder sie zeigen keine der Klassen. Es können mehr Antworten falsch sein: Ordnen Sie einige dieser Bilder ihren Klassen zu.",
  tray_keys:
    "Tasten: Pfeile bewegen. 1 bis 9 ordnen das Bild einer Klasse zu, C sucht eine Klasse, 0 heißt keine von diesen. Die Eingabetaste nimmt die Antwort an. Die Leertaste wählt aus, Umschalt mit Pfeilen wählt mehrere aus, A wählt die Gruppe aus. V vergrößert, B nimmt die Zuordnung zurück, Entf entfernt.",
  tools_label: "Filter und Reihenfolge",
  filters_label: "Zeigen",
  filter_sort: "Zu sortieren",
  filter_sort_words: "Alle Bilder ohne Zuordnung",
  filter_unsure: "Unsicher",
  filter_unsure_words: "Antworten unter Ihrem Mindestwert",
  filter_none: "Keine von diesen",
  filter_none_words: "Bilder, die nach keiner der Klassen aussehen",
  filter_confirmed: "Bestätigt",
  filter_confirmed_words: "Zugeordnete Bilder",
  filter_doubtful: "Zweifelhaft",
  filter_doubtful_words: "Zuordnungen, denen die anderen Bilder widersprechen",
  class_filter_label: "Klasse",
  every_class: "Jede Klasse",
  order_label: "Reihenfolge",
  order_doubtful: "Unsicherste zuerst",
  order_certain: "Sicherste zuerst",
  order_class: "Nach Antwort",
  order_alike: "Ähnliche zusammen",
  order_series: "Nach Serien",
  order_added: "Wie hinzugefügt",
  order_again: "Neu sortieren",
  group_series: "Serie ab {name}",
  group_alike: "Ähnliche {n}",
  group_alike_mostly: "Ähnliche {n}, meist {name}",
  group_rest: "Übrige",
  select_group: "Alle auswählen",
  accept_group: "Alle Antworten annehmen",
  select_all: "Alle auswählen",
  delete_key: "Entf",
  select_all_keys: "Strg+A",
  n_selected: { one: "{n} Bild ausgewählt.", other: "{n} Bilder ausgewählt." },
  answer: "{name}, {probability}",
  answer_with_other: "{answer}; oder {name}, {probability}",
  answer_unfamiliar: "Keine von diesen; am nächsten liegt {answer}",
  none_of_these: "Keine von diesen",
  below_threshold: "Unter Ihrem Mindestwert.",
  labelled: "Bestätigt.",
  no_answer: "Noch keine Antwort",
  reading: "Wird gelesen …",
  not_read: "Nicht gelesen",
  unreadable: "Nicht lesbar",
  or: "oder {name} {probability}",
  nearest: "am nächsten: {name}",
  rather: "eher {name}? {probability}",
  put_in: "Der Klasse {name} zuordnen",
  accept: "Diese Antwort annehmen",
  put: {
    one: "Der Klasse {name} zugeordnet. Noch {left} zu sortieren.",
    other: "{n} Bilder der Klasse {name} zugeordnet. Noch {left} zu sortieren.",
  },
  put_none: {
    one: "Als „keine von diesen“ markiert. Noch {left} zu sortieren.",
    other: "{n} Bilder als „keine von diesen“ markiert. Noch {left} zu sortieren.",
  },
  accepted: {
    one: "Angenommen. Noch {left} zu sortieren.",
    other: "{n} Antworten angenommen. Noch {left} zu sortieren.",
  },
  taken_back: { one: "Zuordnung zurückgenommen.", other: "{n} Zuordnungen zurückgenommen." },
  removed: { one: "Bild entfernt.", other: "{n} Bilder entfernt." },
  answer_changed: "Die Antwort hat sich gerade geändert. Sehen Sie noch einmal hin, dann drücken Sie die Eingabetaste.",
  nothing_to_accept: "Es gibt noch keine Antwort, die Sie annehmen könnten. Wählen Sie eine Klasse für das Bild.",

  // The bar of the selected pictures
  selection_label: "Was Sie mit den ausgewählten Bildern tun können",
  put_selected: { one: "Zuordnen zu", other: "{n} Bilder zuordnen zu" },
  other_class: "Klasse suchen",
  accept_selected: "Annehmen",
  take_back: "Zurücknehmen",
  enlarge: "Vergrößern",
  remove: "Entfernen",
  pick_title: { one: "Welche Klasse ist es?", other: "Welche Klasse sind diese {n} Bilder?" },
  pick_placeholder: "Name oder Nummer einer Klasse",
  pick_new: "Neue Klasse „{name}“",
  pick_keys: "Tippen sucht, Pfeile wählen, die Eingabetaste bestätigt.",

  // One picture, enlarged
  picture: "Bild",
  picture_of: "Zugeordnet zu {name}.",
  left_out: "Nach den anderen Beispielen wäre es: {answer}.",
  put_into: "Zuordnen zu",
  to_tray: "Zuordnung zurücknehmen",
  previous: "Voriges Bild",
  next: "Nächstes Bild",
  place: "{n} von {of}",
  picture_keys:
    "Tasten: 1 bis 9, 0 und die Eingabetaste ordnen zu und gehen weiter; ← und → zeigen die Nachbarn; C sucht eine Klasse; Esc schließt.",

  // The threshold
  threshold_none: "Alle Antworten zählen",
  threshold_at_least: "Mindestens {probability}",
  threshold_kept: { one: "{n} von {of} Antworten zählt.", other: "{n} von {of} Antworten zählen." },
  threshold_cost: {
    one: "Von den Antworten für Ihr {n} Beispiel, einmal weggelassen, würden {kept} zählen, und davon wären {wrong} falsch.",
    other:
      "Von den Antworten für Ihre {n} Beispiele, jedes einmal weggelassen, würden {kept} zählen, und davon wären {wrong} falsch.",
  },
  threshold_unknown:
    "Geben Sie einer Klasse zwei Bilder, dann sehen Sie, wie viele Antworten falsch wären.",

  // Advice
  advice: { one: "Ein Hinweis", other: "{n} Hinweise" },
  advice_settled: { one: "Hinweise: einer erledigt", other: "Hinweise: {n} erledigt" },
  advice_move: "Zu {name} verschieben",
  advice_keep: "Behalten",
  advice_dismiss: "Verwerfen",
  advice_class: "Eine Klasse daraus machen",
  settled_move: "Zu {name} verschoben.",
  settled_none: "Keine davon.",
  settled_keep: "Behalten.",
  settled_dismiss: "Verworfen.",
  none_empty: "Bilder, die keine der Klassen zeigen, hier ablegen",
  show_picture: "{name} zeigen",

  // Downloads
  download_title: "Herunterladen",
  download_not_ready:
    "Geben Sie zwei Klassen je ein Bild, dann gibt es etwas herunterzuladen.",
  download_all: "Alle Antworten zählen. Der Schieberegler über den Bildern legt einen Mindestwert fest.",
  download_threshold:
    "Antworten unter {probability} gelten als „unsure“ (unsicher), wie mit dem Schieberegler über den Bildern festgelegt.",
  download_answers: "Antworten als Tabelle",
  download_answers_words: "Für eine Tabellenkalkulation: eine CSV-Datei mit einer Zeile je Bild.",
  download_pictures: "Bilder in Ordnern",
  download_pictures_words: "Zum Aufbewahren oder Weitergeben: eine Zip-Datei mit einem Ordner je Klasse.",
  download_moves: "Skript, das Ihre Dateien verschiebt",
  download_moves_words:
    "Um Ihre eigenen Dateien an Ort und Stelle zu sortieren: Lesen Sie das Shell-Skript, und führen Sie es dann in ihrem Ordner aus.",
  download_adapter: "Klassifikator als Datei",
  download_adapter_words: "Für metaadapter auf einem anderen Rechner: der Klassifikator in einer Datei.",
  download_onnx: "ONNX-Modell",
  download_counts: "Zählung der Arten",
  download_counts_words: "Für einen Bericht: Individuen und Bilder je Art und Kamera, als CSV-Datei.",
  download_timelapse: "Tabelle für Timelapse",
  download_timelapse_words: "Für Timelapse: eine CSV-Datei mit einer Zeile je Aufnahme.",
  download_megadetector: "MegaDetector-JSON",
  download_megadetector_words: "Für Timelapse und AddaxAI: alle Rahmen, wie Sie sie berichtigt haben, mit den Antworten.",
  download_camtrap: "Camtrap DP",
  download_camtrap_words: "Zum Veröffentlichen oder Archivieren: ein Camera Trap Data Package in einer Zip-Datei.",
  download_onnx_words: "Für Programme in jeder Sprache: der Klassifikator mit seinem Encoder, für onnxruntime.",
  download_page: "Webseite",
  download_page_words:
    "Für alle, ohne etwas zu installieren: auf einem beliebigen Webserver zu entpacken. Die Bilder bleiben im Browser der Besucher.",
  size_at_least: "mehr als {size}",
  download_preview: "Ansehen",
  download_preparing: "Wird vorbereitet …",
  download_done: "{name} liegt bei Ihren heruntergeladenen Dateien.",

  // Projects
  projects_title: "Projekte",
  project_now: "{name} ist geöffnet. Jede Änderung wird gespeichert.",
  project_folder: "Der Ordner des Projekts ist {folder}.",
  projects_others: "Ein anderes Projekt öffnen",
  project_holds: "{pictures}, {classes}",
  project_new_label: "Name eines neuen Projekts",
  project_new: "Anlegen",
  project_rename_label: "Name dieses Projekts",
  project_rename: "Umbenennen",
  project_delete: "Löschen",
  project_delete_sure: "{name} löschen: noch einmal klicken",
  project_deleted: "{name} ist gelöscht. Sein Ordner ist jetzt {place}; verschieben Sie ihn zurück, um das Projekt wiederherzustellen.",

  // Camera traps
  boxes_reading: "Die Rahmen in {name} werden gelesen …",
  n_frames: { one: "{n} Aufnahme", other: "{n} Aufnahmen" },
  n_boxes: { one: "{n} Rahmen um ein Tier", other: "{n} Rahmen um Tiere" },
  boxes_added: { one: "{n} Rahmen um ein Tier in {frames} ist jetzt ein Bild zum Sortieren.", other: "{n} Rahmen um Tiere in {frames} sind jetzt Bilder zum Sortieren." },
  boxes_others: { one: "{n} Rahmen um einen Menschen oder ein Fahrzeug behält seine Klasse.", other: "{n} Rahmen um Menschen und Fahrzeuge behalten ihre Klassen." },
  boxes_empty: { one: "{n} Aufnahme ist leer.", other: "{n} Aufnahmen sind leer." },
  boxes_kept: { one: "{n} Aufnahme hatte schon Rahmen und behält sie.", other: "{n} Aufnahmen hatten schon Rahmen und behalten sie." },
  boxes_wait: {
    one: "Die Rahmen von {n} Aufnahme in {file} warten auf ihr Bild: {example}. Sie werden eingefügt, sobald es kommt.",
    other: "Die Rahmen von {n} Aufnahmen in {file} warten auf ihre Bilder, etwa {example}. Sie werden eingefügt, sobald diese kommen.",
  },
  boxes_forget: "Nicht warten",
  boxes_refused: { one: "{n} Aufnahme bekam keine Rahmen.", other: "{n} Aufnahmen bekamen keine Rahmen." },
  frames_line: { one: "{n} Aufnahme einer Fotofalle, {boxes}.", other: "{n} Aufnahmen von Fotofallen, {boxes}." },
  frames_review: "Rahmen prüfen",
  frames_kind_label: "Welche Aufnahmen",
  frames_all: "Alle Aufnahmen ({n})",
  frames_animals: "Mit Tieren ({n})",
  frames_empty: "Leere ({n})",
  frames_others: "Mit Menschen oder Fahrzeugen ({n})",
  frames_weak: "Mit unsicheren Rahmen ({n})",
  frame_previous: "Vorige Aufnahme",
  frame_next: "Nächste Aufnahme",
  frame_place: "{n} von {of}",
  frame_empty: "Diese Aufnahme ist leer. Zeichnen Sie einen Rahmen, wenn sie ein Tier zeigt.",
  frame_keys:
    "Zeichnen Sie einen Rahmen mit der Maus, ziehen Sie ihn, um ihn zu verschieben, oder eine Ecke, um ihn zu ändern. Tasten: Tab wählt einen Rahmen, Pfeile verschieben ihn, Umschalt mit Pfeilen ändert seine Größe, Eingabe nimmt ihn an, 1 bis 9 ordnen ihn einer Klasse zu, Entf entfernt einen falschen, N fügt einen hinzu, Bild auf und ab wechseln die Aufnahme.",
  box_place: "Rahmen {n} von {of}.",
  category_animal: "Tier",
  category_person: "Mensch",
  category_vehicle: "Fahrzeug",
  box_of_detector: "Die Klasse des Detektors ({probability}). Nehmen Sie den Rahmen zum Sortieren an, wenn er ein Tier zeigt.",
  box_is_weak: "Der Detektor ist unsicher ({probability}). Nehmen Sie den Rahmen an, wenn er ein Tier zeigt.",
  box_accept: "Annehmen",
  box_wrong: "Falsch",
  box_add: "Rahmen hinzufügen",
  box_added: "Rahmen hinzugefügt.",
  box_changed: "Rahmen geändert.",
  box_removed: "Rahmen entfernt.",
  field_open: "Serien, Arten und Zählung",
  field_title: "Fotofallen",
  series_label: "Serien: Aufnahmen einer Kamera innerhalb von",
  series_seconds: "Sekunden",
  series_words: "Die Zeiten stehen in den Dateien. Die Antworten einer Serie werden zusammengefasst.",
  series_on: { one: "Serien: Aufnahmen innerhalb einer Sekunde.", other: "Serien: Aufnahmen innerhalb von {n} Sekunden." },
  series_off: "Keine Serien.",
  allowed_label: "Arten, die vorkommen, mit Kommas dazwischen",
  allowed_set: "Setzen",
  allowed_words: "Nur diese sind Antworten. Ohne Namen sind es alle Klassen.",
  allowed_some: { one: "Nur {n} Klasse kommt vor.", other: "Nur {n} Klassen kommen vor." },
  allowed_all: "Alle Klassen kommen vor.",
  counts_title: "Zählung",
  counts_words: "Individuen: die größte Zahl in einer Aufnahme jeder Serie, zusammengezählt; mindestens so viele.",
  counts_species: "Art",
  counts_camera: "Kamera",
  counts_individuals: "Individuen",
  counts_pictures: "Bilder",
};

/** Sentences of the server by their kind; `{error}` is the English sentence. */
export const sentences = {
  // Refusals: metaadapter/apps/page/refusal.py
  "another-project":
    "Diese Änderung gehört zu einem anderen Projekt, geöffnet ist aber „{name}“. Öffnen Sie das andere Projekt wieder, um sie zu speichern.",
  busy: "Andere Anfragen werden gerade bearbeitet. Versuchen Sie es in einer Minute noch einmal.",
  closed: "Das Projekt wurde geschlossen. Laden Sie die Seite neu.",
  data: "metaadapter meldet: {error}",
  form: "Das Formular ist nicht lesbar: {error}",
  host: "Unter diesem Namen ist metaadapter nicht zu erreichen: {error}",
  "incompatible-artifact": "Das passt nicht zusammen: {error}",
  invalid: "Die Anfrage ist ungültig: {error}",
  left: "Die Verbindung brach ab, bevor die Anfrage vollständig war.",
  "left-out": {
    one: "{n} Bild fehlt oder ist beschädigt und erhält keine Antwort. Fügen Sie dieselbe Datei noch einmal hinzu, oder entfernen Sie das markierte Bild.",
    other:
      "{n} Bilder fehlen oder sind beschädigt und erhalten keine Antwort. Fügen Sie dieselben Dateien noch einmal hinzu, oder entfernen Sie die markierten Bilder.",
  },
  machine: "Dem Rechner fehlt etwas: {error}",
  "media-type": "Die Anfrage hat eine unerwartete Form: {error}",
  method: "Diese Anfrage kennt metaadapter nicht: {error}",
  "missing-package": "Dafür muss noch ein Paket installiert werden: {error}",
  "name-reserved": "Keine Klasse kann „{name}“ heißen: Der Name steht für Bilder, die keine der Klassen zeigen.",
  "name-separator":
    "Der Name „{name}“ enthält ; oder |, die zwischen Klassen stehen, oder beginnt mit !. Wählen Sie einen anderen Namen.",
  "name-taken":
    "Der Name „{name}“ ist schon vergeben. Großschreibung, Leerzeichen, Unterstriche und unsichtbare Zeichen zählen nicht.",
  "no-adapter": "Es gibt noch keinen Klassifikator: Geben Sie zwei Klassen je ein Bild.",
  "no-such-advice": "Diesen Hinweis gibt es nicht mehr. Laden Sie die Seite neu.",
  "no-such-box": "Diesen Rahmen gibt es nicht mehr. Laden Sie die Seite neu.",
  "no-phone": "Telefone sind nicht zugelassen. Starten Sie `metaadapter serve --phone`, um sie zuzulassen.",
  "no-such-class": "Diese Klasse gibt es nicht mehr. Laden Sie die Seite neu.",
  "no-such-path": "Unter dieser Adresse gibt es nichts.",
  "no-such-picture": "Dieses Bild gibt es nicht mehr, oder es ist nicht lesbar. Laden Sie die Seite neu.",
  "no-such-project": "Es gibt kein Projekt „{name}“.",
  "no-such-species": "Es gibt keine Klasse „{name}“. Am nächsten kommt „{nearest}“.",
  "several-in-use": {
    one: "{n} Bild zeigt mehrere Klassen. Geben Sie ihm zuerst eine einzige.",
    other: "{n} Bilder zeigen mehrere Klassen. Geben Sie ihnen zuerst je eine einzige.",
  },
  "several-labels": "Das geht nur, wo jedes Bild eine einzige Klasse hat: {error}",
  "several-projects": "Mehrere Projekte heißen „{name}“. Benennen Sie zuerst eines davon um.",
  "not-opened": "Der Grund: {error}",
  "not-encoded": {
    one: "{n} Bild ist noch nicht gelesen. Versuchen Sie es danach noch einmal.",
    other: "{n} Bilder sind noch nicht gelesen. Versuchen Sie es danach noch einmal.",
  },
  "not-predicted": "Die Antworten sind noch nicht fertig. Versuchen Sie es gleich noch einmal.",
  "not-saved": "Das konnte nicht gespeichert werden: {error}",
  "nothing-to-redo": "Es gibt nichts zu wiederholen.",
  "nothing-to-undo": "Es gibt nichts rückgängig zu machen.",
  "one-label": "In diesem Projekt hat ein Bild eine einzige Klasse.",
  opening: "Das Projekt wird geöffnet. Das dauert einige Sekunden.",
  origin: "Anfragen von einer anderen Seite werden abgelehnt.",
  "same-box": "Diesen Rahmen gibt es schon.",
  "same-name":
    "{n} zugeordnete Bilder heißen „{name}“, eine Tabelle kann sie nicht unterscheiden. Laden Sie stattdessen die Bilder in Ordnern herunter.",
  phone: "Ein Telefon kann nur Bilder hinzufügen und ihre Antworten ansehen.",
  "project-open": "Das Projekt „{name}“ ist geöffnet. Öffnen Sie ein anderes, und löschen Sie es dann.",
  slow: "Die Verbindung war zu langsam. Versuchen Sie es noch einmal.",
  token: "Öffnen Sie die Adresse, die `metaadapter serve` beim Start ausgegeben hat.",
  "too-large": "Das ist zu groß: {error}",
  "too-many": "Das sind zu viele, es dürfen höchstens {most} sein.",
  unexpected:
    "Ein unerwarteter Fehler von metaadapter. Bitte melden Sie ihn mit der Meldung im Terminal: {error}",
  usage: "So geht es nicht: {error}",

  // Edits: metaadapter/apps/page/contents.py
  "added-boxes": { one: "Rahmen in {n} Bild hinzugefügt", other: "Rahmen in {n} Bildern hinzugefügt" },
  "added-class": "Klasse {name} angelegt",
  "added-pictures": { one: "{n} Bild hinzugefügt", other: "{n} Bilder hinzugefügt" },
  "changed-box": "Rahmen geändert",
  "changed-class": "Klasse {name} geändert",
  "changed-labelling": "Anzahl der Klassen eines Bildes geändert",
  "changed-settings": "Einstellungen für Fotofallen geändert",
  "forgot-detections": "Die Rahmen in {name} verworfen, deren Bilder fehlten",
  "kept-detections": "Die Rahmen in {name} aufgehoben",
  "removed-class": "Klasse {name} entfernt",
  "removed-pictures": { one: "{n} Bild entfernt", other: "{n} Bilder entfernt" },
  "settled-advice": "Hinweis erledigt",
  "sorted-pictures": { one: "{n} Bild zugeordnet", other: "{n} Bilder zugeordnet" },

  // Advice: metaadapter/apps/advice/kinds.py
  confused: {
    one: "Die Klassen {names} sind schwer zu unterscheiden: Von ihren {of} Bildern, jedes aus den anderen vorhergesagt, sieht {n} eher nach der anderen Klasse aus. Fügen Sie Bilder hinzu, die den Unterschied zeigen, oder legen Sie die beiden Klassen zusammen.",
    other:
      "Die Klassen {names} sind schwer zu unterscheiden: Von ihren {of} Bildern, jedes aus den anderen vorhergesagt, sehen {n} eher nach der anderen Klasse aus. Fügen Sie Bilder hinzu, die den Unterschied zeigen, oder legen Sie die beiden Klassen zusammen.",
  },
  few_pictures: {
    one: "Die Klasse „{name}“ braucht Bilder: Von ihren {of}, jedes aus den anderen vorhergesagt, ist {n} richtig. Fügen Sie Bilder hinzu, die sich von diesen unterscheiden.",
    other:
      "Die Klasse „{name}“ braucht Bilder: Von ihren {of}, jedes aus den anderen vorhergesagt, sind {n} richtig. Fügen Sie Bilder hinzu, die sich von diesen unterscheiden.",
  },
  few_pictures_none: "Die Klasse „{name}“ hat noch kein Bild: Das erste hilft am meisten.",
  few_pictures_one:
    "Die Klasse „{name}“ hat ein einziges Bild: Fügen Sie weitere hinzu, so verschieden wie möglich.",
  label:
    "Ein Bild der Klasse „{name}“ sieht eher nach „{better}“ aus: Berichtigen Sie seine Klasse, oder entfernen Sie es, wenn es keine von beiden gut zeigt.",
  name: "Der Name „{name}“ passt nicht zu den Bildern seiner Klasse, und besser zu denen von „{better}“: Benennen Sie, was die Bilder zeigen, oder beschreiben Sie es in einem Satz.",
  name_empty: {
    one: "Der Name {names} sagt dem Encoder nichts: Wählen Sie einen Namen, der sagt, was die Bilder zeigen.",
    other:
      "Die Namen {names} sagen dem Encoder nichts: Wählen Sie Namen, die sagen, was die Bilder zeigen.",
  },
  name_swapped:
    "Die Namen {names} passen jeweils besser zu den Bildern der anderen Klasse: Prüfen Sie, ob sie vertauscht sind.",
  alike: {
    one: "{n} Bild sieht nach keiner Ihrer Klassen aus: Bestätigen Sie das, oder machen Sie daraus eine Klasse.",
    other:
      "{n} Bilder sehen einander ähnlich und nach keiner Ihrer Klassen aus: Bestätigen Sie das, oder machen Sie daraus eine Klasse.",
  },
  stranger:
    "Ein Bild der Klasse „{name}“ sieht nach keiner der Klassen aus: Nehmen Sie es aus „{name}“ heraus, wenn es keine zeigt.",
  near_duplicate:
    "Unter den Bildern von „{name}“ sind {n} fast gleich und zeigen nichts Neues: Behalten Sie eines, und ersetzen Sie die übrigen durch andere.",
  near_duplicate_across:
    "Fast dasselbe Bild liegt in {names}: Lassen Sie es nur in der Klasse, die es zeigt.",
};

/** Why a file cannot be read: the server's English text, and the German one. */
export const reasons = {
  "{reason}; add the picture again, or remove it": "{reason}; fügen Sie das Bild noch einmal hinzu, oder entfernen Sie es",
  "there is no such file": "es gibt diese Datei nicht",
  "no permission to read it": "die Berechtigung, sie zu lesen, fehlt",
  "it is a link, not a file": "es ist ein Verweis, keine Datei",
  "its content is not that of the picture that was added": "ihr Inhalt ist nicht der des hinzugefügten Bildes",
  "the file is empty": "die Datei ist leer",
  "not a picture of a known kind ({formats})": "kein Bild einer bekannten Art ({formats})",
  "truncated or damaged ({why})": "abgeschnitten oder beschädigt ({why})",
  "too large for the memory of this machine": "zu groß für den Speicher dieses Rechners",
  "too large: {size} = {pixels} pixels, but at most {limit} are read; save a smaller copy":
    "zu groß: {size} = {pixels} Pixel, gelesen werden höchstens {limit}; speichern Sie eine kleinere Kopie",
  "too narrow: {size} pixels, but the longer side may be at most {most} times the shorter; cut it into pieces":
    "zu schmal: {size} Pixel, die längere Seite darf höchstens das {most}fache der kürzeren sein; zerschneiden Sie das Bild",
  "its tiles are too large: {size} pixels each": "seine Kacheln sind zu groß: je {size} Pixel",
  "its strips have {n_bytes} bytes, but at most {most} are read; save it again":
    "seine Streifen haben {n_bytes} Byte, gelesen werden höchstens {most}; speichern Sie das Bild neu",
  "it has more than {most} {what}, and would take very long to decode; save it again":
    "das Bild hat mehr als {most} Teile und wäre sehr langsam zu lesen; speichern Sie es neu",
  "it has more than {most} comments; remove them, or save a PNG file":
    "das Bild hat mehr als {most} Kommentare; entfernen Sie sie, oder speichern Sie eine PNG-Datei",
  "it cannot be scaled for the encoder ({why})": "das Bild lässt sich nicht für den Encoder verkleinern ({why})",
  "it has more than {most} bytes": "die Datei hat mehr als {most} Byte",
  "it has {n_bytes} bytes; the limit is {most}": "die Datei hat {n_bytes} Byte, erlaubt sind {most}",
  "it is a zip file within a zip file; unpack it first": "es ist eine Zip-Datei in einer Zip-Datei; entpacken Sie sie zuerst",
  "it holds {n_files} files; the limit is {most}": "die Zip-Datei enthält {n_files} Dateien, erlaubt sind {most}",
  "it is larger than its zip file says": "die Datei ist größer, als ihre Zip-Datei angibt",
  "it unpacks to more than {most} bytes": "entpackt hätte sie mehr als {most} Byte",
  "it is damaged or not a readable zip file ({why})": "es ist keine lesbare Zip-Datei, oder sie ist beschädigt ({why})",
  "its list of files is too long": "ihr Verzeichnis ist zu lang",
  "{n} pictures may be this frame: {names}; add the folder that holds the folders of all cameras":
    "{n} Bilder können diese Aufnahme sein: {names}; fügen Sie den Ordner hinzu, in dem die Ordner aller Kameras liegen",
  "the file lists {names}, and the picture {name} may be any of them; add the folder that holds the folders of all cameras":
    "die Datei nennt {names}, und das Bild {name} kann jede davon sein; fügen Sie den Ordner hinzu, in dem die Ordner aller Kameras liegen",
  "the detector reports: {why}": "der Detektor meldet: {why}",
  "its picture is missing; add it again": "ihr Bild fehlt; fügen Sie es noch einmal hinzu",
  "it is encrypted": "die Datei ist verschlüsselt",
  "its compression is not supported; pack it again as an ordinary zip file":
    "ihre Komprimierung ist unbekannt; packen Sie eine gewöhnliche Zip-Datei",
  "it would grow to more than {most} times its size, as no picture does":
    "entpackt wäre die Datei mehr als {most}-mal so groß, wie es kein Bild ist",
};

{{- define "culvert.image" -}}
{{ .root.Values.image.repository }}/{{ .name }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "culvert.labels" -}}
app.kubernetes.io/name: {{ . }}
app.kubernetes.io/part-of: culvert
{{- end }}

{{- define "culvert.log" -}}
- --log-level={{ .Values.log.level }}
- --log-format={{ .Values.log.format }}
{{- end }}
